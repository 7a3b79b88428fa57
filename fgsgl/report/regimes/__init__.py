"""Regimes with unseen classes: rows against FG-SGL over all folds, evaluated and as tables."""
