"""The background: a wall, a floor, things on the wall, and the chair of a seated person."""

from __future__ import annotations

import numpy as np
import torch

from fgsgl.data.synmg.body import Subject
from fgsgl.data.synmg.figure import Capsules
from fgsgl.data.synmg.randomness import between
from fgsgl.data.synmg.scene import Camera


def draw_background(seated: bool, camera: Camera, size_px: int, clutter: int, rng: np.random.Generator) -> torch.Tensor:
    """A wall that gets darker to one side, a floor, ``clutter`` rectangles (pictures, shelves, books): (3, H, W)."""
    wall_3 = 110.0 + 110.0 * rng.random(3) * 0.6 + 50.0 * rng.random()
    ramp_W = np.linspace(between(rng, 0.8, 1.0), between(rng, 0.8, 1.0), size_px)
    picture_3HW = np.broadcast_to(wall_3[:, None, None] * ramp_W, (3, size_px, size_px)).copy()
    horizon = int(size_px * (camera.y + (0.38 if seated else 0.50) * camera.scale / 0.76 + between(rng, 0.0, 0.12)))
    picture_3HW[:, max(0, horizon) :] = (60.0 + 90.0 * rng.random(3))[:, None, None]
    for _ in range(clutter):
        draws = rng.random(10)
        x, y = int(draws[0] * size_px * 1.1 - 0.1 * size_px), int((draws[1] * 0.9 - 0.1) * size_px)
        w, h = int(size_px * (0.04 + 0.26 * draws[2] * draws[2])), int(size_px * (0.05 + 0.3 * draws[3] * draws[3]))
        rows, columns = slice(max(y, 0), max(y + h, 0)), slice(max(x, 0), max(x + w, 0))
        picture_3HW[:, rows, columns] = (30.0 + 200.0 * draws[4:7])[:, None, None]
        if draws[7] < 0.5:  # a frame around a picture, or stripes of books
            inner = slice(max(y + 2, 0), max(y + h - 2, 0)), slice(max(x + 2, 0), max(x + w - 2, 0))
            picture_3HW[:, inner[0], inner[1]] = 50.0 + 160.0 * draws[8]
        else:
            picture_3HW[:, rows, max(x, 0) : max(x + w, 0) : 3] *= 0.6 + 0.4 * draws[9]
    return torch.from_numpy(picture_3HW.astype(np.float32))


def chair(subject: Subject) -> Capsules:
    """The chair of a seated person; it does not move (T = 1)."""
    wood, capsules = tuple(0.55 * v + 30.0 for v in subject.trousers), Capsules()
    half, floor = 0.23, -subject.shin_m - 0.02

    def bar(a: tuple[float, float, float], b: tuple[float, float, float], radius_m: float) -> None:
        capsules.add("chair", np.array([a]), np.array([b]), radius_m, wood)

    for side in (1, -1):
        bar((side * half, -0.1, -0.2), (side * half, 0.38, -0.24), 0.022)
        bar((side * half, -0.1, -0.18), (side * half, floor, -0.18), 0.02)
        bar((side * half, -0.1, 0.2), (side * half, floor, 0.2), 0.02)
    bar((-half, 0.38, -0.24), (half, 0.38, -0.24), 0.035)
    bar((-half, 0.2, -0.22), (half, 0.2, -0.22), 0.025)
    bar((-half, -0.1, 0.0), (half, -0.1, 0.0), 0.03)
    bar((-half, -0.1, 0.18), (half, -0.1, 0.18), 0.03)
    return capsules
