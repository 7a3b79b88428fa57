"""Ablation designs: evaluation and tables."""
