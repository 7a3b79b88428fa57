"""The figures of a search, one file each, found by scanning this folder; each method has its own sheet.

A file offers ``FIGURE``, a :class:`fgsgl.report.drawing.figure.Figure` drawn from the methods' results, and keeps the
contract of a report's figures. Optuna computes the importances; its own plots set sizes, colours and labels that the
contract refuses.
"""
