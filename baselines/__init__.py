"""One file a baseline, each offering ``METHOD``; found by scanning this folder."""
