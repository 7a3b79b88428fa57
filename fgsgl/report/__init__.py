"""Turns a ledger into tables, figures and one HTML page; imports no torch."""
