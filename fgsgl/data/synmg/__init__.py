"""SynMG: a synthetic micro-gesture benchmark whose truth is known (see CARD.md)."""

VERSION = "2"
"""Raised whenever the frames of any preset and seed change."""
