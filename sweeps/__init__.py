"""Sweeps: the search of good settings, on the validation split alone, with the same effort for every method."""
