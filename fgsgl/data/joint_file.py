"""Skeletons of one's own: a ``.npy`` file a clip, ``joints_TJ2`` or ``joints_TJ3`` of T frames and J joints.

The third value is depth, or a confidence in 0..1, as the layout says. Without it, a joint at (0, 0) was not found.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np

from fgsgl.util.errors import UserError

ENDING = ".npy"
MOST_BYTES = 2**28
MAX_JOINT = 1e6
"""No joint is so far away, in metres or in pixels."""


def read_joint_file(path: Path) -> np.ndarray:
    """The joints of a clip, ``joints_TJ3`` float32; NaN where one was not found.

    Raises:
        UserError: for a file that is missing, too large, no array of numbers in such a shape, or holds infinity.
    """
    expected = "expected a .npy file of numbers, (frames, joints, 2 or 3)"
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode) or state.st_size > MOST_BYTES:
                raise UserError(f"the skeleton {path} is no file of at most {MOST_BYTES / 2**20:g} MiB; {expected}")
            joints = np.load(file, allow_pickle=False, max_header_size=4096)
    except FileNotFoundError:
        raise UserError(f"no skeleton at {path}; {expected}") from None
    except (OSError, ValueError, EOFError, MemoryError) as error:
        what = " ".join(str(error).split())[:120]
        raise UserError(f"the skeleton {path} cannot be read: {what}; {expected}") from None
    if not isinstance(joints, np.ndarray) or joints.dtype.kind not in "iuf" or joints.ndim != 3:
        shape = getattr(joints, "shape", "")
        raise UserError(
            f"the skeleton {path} holds {getattr(joints, 'dtype', type(joints).__name__)} {shape}; {expected}"
        )
    if not len(joints) or joints.shape[2] not in (2, 3):
        raise UserError(f"the skeleton {path} has the shape {joints.shape}; {expected}")
    joints = joints.astype(np.float32)
    if (~(np.isnan(joints) | (np.abs(joints) < MAX_JOINT))).any():
        raise UserError(f"the skeleton {path} has joints at infinity, or further away than {MAX_JOINT:g}")
    return joints if joints.shape[2] == 3 else with_confidence(joints)


def with_confidence(joints_TJ2: np.ndarray) -> np.ndarray:
    """``joints_TJ3``: places with confidence 1, and 0 for a joint that is not found, at (0, 0) or NaN."""
    found_TJ = np.isfinite(joints_TJ2).all(-1) & (joints_TJ2 != 0).any(-1)
    return np.concatenate([joints_TJ2, found_TJ[..., None]], axis=2, dtype=np.float32)
