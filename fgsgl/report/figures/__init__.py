"""The figures of a report, one file each, found by scanning this folder.

A file offers ``FIGURE``, a :class:`fgsgl.report.drawing.figure.Figure` drawn from
:class:`fgsgl.report.drawing.inputs.Inputs`. Files whose name begins with ``_`` are no figures, but what several share.
"""
