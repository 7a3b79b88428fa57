"""Augmentation of a pretraining batch: what moves the pixels moves the joints too.

Shapes: N pictures, H x W pixels, J joints.
"""

from __future__ import annotations

import torch

from fgsgl.data.synmg.body import JOINTS

SHIFT_PX = 8
LIGHT = 0.2
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""open_clip's default normalisation, which every user of the model will apply."""

_OTHER_SIDE = {"Left": "Right", "Right": "Left"}


def mirrored_joints() -> list[int]:
    """Index of each joint's counterpart on the other side (its own for the spine and the head)."""
    names = list(JOINTS)
    swapped = [
        next((name.replace(side, other) for side, other in _OTHER_SIDE.items() if side in name), name) for name in names
    ]
    return [names.index(name) for name in swapped]


def augment(
    frames_NHWC: torch.Tensor, joints_NJ2: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirrors, shifts and lights pictures at random.

    Args:
        frames_NHWC: uint8.
        joints_NJ2: x and y as fractions of the image.
        generator: on the CPU; two equal generators give the same result.

    Returns:
        ``frames_NCHW`` normalised floats, and ``joints_NJ2`` of the augmented pictures.
    """
    count, height, width = frames_NHWC.shape[:3]
    mirror_N = torch.rand(count, generator=generator) < 0.5
    move_N2 = torch.randint(-SHIFT_PX, SHIFT_PX + 1, (count, 2), generator=generator)
    rows_NH = (torch.arange(height) - move_N2[:, 1:]).clamp(0, height - 1)
    columns_NW = (torch.arange(width) - move_N2[:, :1]).clamp(0, width - 1)
    columns_NW = torch.where(mirror_N[:, None], width - 1 - columns_NW, columns_NW)
    device = frames_NHWC.device
    which_N = torch.arange(count, device=device)[:, None, None]
    moved_NHWC = frames_NHWC[which_N, rows_NH.to(device)[:, :, None], columns_NW.to(device)[:, None, :]]
    light_N2 = 1 + LIGHT * (2 * torch.rand(count, 2, generator=generator) - 1)
    mirrored_NJ2 = joints_NJ2[:, mirrored_joints()] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    joints_NJ2 = torch.where(mirror_N[:, None, None], mirrored_NJ2, joints_NJ2)
    return normalise(moved_NHWC, light_N2.to(device)), joints_NJ2 + (move_N2 / torch.tensor([width, height]))[:, None]


def normalise(frames_NHWC: torch.Tensor, light_N2: torch.Tensor | None = None) -> torch.Tensor:
    """uint8 pictures -> ``frames_NCHW`` floats as open_clip normalises; ``light_N2`` scales contrast and brightness."""
    mean = torch.tensor(MEAN, device=frames_NHWC.device)
    std = torch.tensor(STD, device=frames_NHWC.device)
    frames = frames_NHWC.float()
    if light_N2 is None:
        frames = frames * (1 / (255 * std)) - mean / std
    else:
        contrast, brightness = light_N2.view(-1, 2, 1, 1, 1).unbind(1)
        offset = brightness * 0.45 - contrast * 0.45  # contrast turns about a middle grey
        frames = frames * (contrast / (255 * std)) + (offset - mean) / std
    return frames.permute(0, 3, 1, 2)
