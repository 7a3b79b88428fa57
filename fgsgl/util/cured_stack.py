"""Importing this module cures the stack. A module of ours that imports MMAction2 imports this one first."""

from fgsgl.util import compat, downloads, late_imports

downloads.apply()
late_imports.apply()
compat.apply()
