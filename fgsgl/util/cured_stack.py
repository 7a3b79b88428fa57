"""Importing this module cures the stack. A module of ours that imports MMAction2 imports this one first."""

from fgsgl.util import compat, late_imports

late_imports.apply()
compat.apply()
