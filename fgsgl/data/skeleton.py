"""Skeletons that come with a data set: one row a frame, no header.

Shapes: T frames, J joints.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from fgsgl.errors import UserError


def read_joints(
    path: Path, start_frame: int, end_frame: int, *, joints: int, values: int, first_column: int
) -> np.ndarray:
    """Joints of some frames of a recording, ``joints_TJ3`` float32; a joint that was not found is NaN.

    Args:
        path: the CSV file.
        start_frame: first frame (row), from 0.
        end_frame: one past the last.
        joints: J.
        values: values of a joint in a row, of which the first three are read.
        first_column: column of the first joint's first value, from 0.

    Raises:
        UserError: for a file that is missing, is no table of numbers, or ends before the last frame.
    """
    if not path.is_file():
        raise UserError(f"no skeleton at {path}")
    count = end_frame - start_frame
    columns = [first_column + values * joint + axis for joint in range(joints) for axis in range(3)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "input contained no data": told below
            rows_TV = np.loadtxt(
                path, delimiter=",", skiprows=start_frame, max_rows=count, usecols=columns, ndmin=2,
                dtype=np.float32, encoding="utf-8-sig",
            )  # fmt: skip
    except (ValueError, OSError) as error:
        raise UserError(f"the skeleton {path} is not a table of numbers as expected: {error}") from None
    if len(rows_TV) < count:
        raise UserError(f"the skeleton {path} ends after frame {start_frame + len(rows_TV)}, expected {end_frame}")
    return rows_TV.reshape(count, joints, 3)
