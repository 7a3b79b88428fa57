"""From the ledger to tables, figures and one HTML page; no torch."""
