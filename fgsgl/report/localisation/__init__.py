"""Where recognizers look, held against the true motion masks: evaluation and tables."""
