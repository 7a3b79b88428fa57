"""X3D-M: X3D-S's network (Feichtenhofer 2020, arXiv 2004.04730), published for 16 frames of 224 px.

The two differ in the clips they see, which is the protocol's to say: under one protocol they are one method.
"""

from __future__ import annotations

import dataclasses

from fgsgl.baselines.x3d_s import METHOD as X3D_S

METHOD = dataclasses.replace(X3D_S, name="x3d_m", display_name="X3D-M")
