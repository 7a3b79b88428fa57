"""The leaderboard: rows, scores, comparisons and notes, computed from records alone."""
