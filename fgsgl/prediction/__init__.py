"""Trained recognizers in use: load one, name what a video shows, and carry it elsewhere as one file."""
