"""Protocol, cells, records and the ledger: the one way of every experiment. Light to import (no torch)."""
