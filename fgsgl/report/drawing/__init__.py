"""Finds, draws and renders figures, and offers the parts they share. The figures are in ``fgsgl/report/figures``."""
