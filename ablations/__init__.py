"""Ablations: the factors of FG-SGL, and the command that switches them off."""
