"""One video file: opened safely, decoded to its end, and shown as a player shows it."""
