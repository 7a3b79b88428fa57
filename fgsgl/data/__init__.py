"""Data sets, one file (or folder) each, every one of them turned into the one clip table."""
