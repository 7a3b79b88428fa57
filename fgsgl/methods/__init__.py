"""Methods: a recognizer with its training recipe, found by scanning, and what baselines share. Imports no torch."""
