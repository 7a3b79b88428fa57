"""Errors, files, escaping and processes: what every other package may use. Imports nothing of ours."""
