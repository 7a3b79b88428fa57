"""Protocols, records, plans and the ledger: what is known of every run. Imports no torch."""
