"""Sphinx configuration: ``make docs`` builds ``docs/_build/html`` and fails on a warning."""

from __future__ import annotations

import fgsgl

project = "FG-SGL suite"
author = "the FG-SGL suite's authors"
copyright = f"2026, {author}"
release = version = fgsgl.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxarg.ext", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist", "dollarmath", "colon_fence"]
myst_heading_anchors = 3
copybutton_exclude = ".linenos, .gp, .go"
autodoc_typehints = "description"
napoleon_custom_sections = [("Kinds", "notes_style")]
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "FG-SGL suite"
html_copy_source = False
