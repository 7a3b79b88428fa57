"""Augmentation of a pretraining batch: what moves the pixels moves the joints too.

Shapes: B clips, T frames, N = B x T, H x W pixels, J joints.
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
    frames_BTHWC: torch.Tensor, joints_BTJ2: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirrors, shifts and lights whole clips at random.

    Args:
        frames_BTHWC: uint8.
        joints_BTJ2: x and y as fractions of the image.
        generator: on the CPU; two equal generators give the same result.

    Returns:
        ``frames_NCHW`` normalised floats, and ``joints_NJ2`` of the augmented frames.
    """
    batch, _, height, width = frames_BTHWC.shape[:4]
    mirror_B = torch.rand(batch, generator=generator) < 0.5
    move_B2 = torch.randint(-SHIFT_PX, SHIFT_PX + 1, (batch, 2), generator=generator)
    rows_BH = (torch.arange(height) - move_B2[:, 1:]).clamp(0, height - 1)
    columns_BW = (torch.arange(width) - move_B2[:, :1]).clamp(0, width - 1)
    columns_BW = torch.where(mirror_B[:, None], width - 1 - columns_BW, columns_BW)
    device = frames_BTHWC.device
    moved_BTHWC = torch.stack(
        [
            clip_THWC.index_select(1, rows_H.to(device)).index_select(2, columns_W.to(device))
            for clip_THWC, rows_H, columns_W in zip(frames_BTHWC, rows_BH, columns_BW, strict=True)
        ]
    )
    light_B2 = 1 + LIGHT * (2 * torch.rand(batch, 2, generator=generator) - 1)
    mirrored_BTJ2 = joints_BTJ2[:, :, mirrored_joints()] * torch.tensor([-1.0, 1.0]) + torch.tensor([1.0, 0.0])
    joints_BTJ2 = torch.where(mirror_B[:, None, None, None], mirrored_BTJ2, joints_BTJ2)
    joints_BTJ2 = joints_BTJ2 + (move_B2 / torch.tensor([width, height]))[:, None, None]
    return normalise(moved_BTHWC, light_B2.to(device)), joints_BTJ2.flatten(0, 1)


def normalise(frames_BTHWC: torch.Tensor, light_B2: torch.Tensor | None = None) -> torch.Tensor:
    """uint8 clips -> ``frames_NCHW`` floats as open_clip normalises; ``light_B2`` scales contrast and brightness."""
    mean = torch.tensor(MEAN, device=frames_BTHWC.device)
    std = torch.tensor(STD, device=frames_BTHWC.device)
    frames = frames_BTHWC.float()
    if light_B2 is None:
        frames = frames * (1 / (255 * std)) - mean / std
    else:
        contrast, brightness = light_B2.view(-1, 2, 1, 1, 1, 1).unbind(1)
        offset = brightness * 0.45 - contrast * 0.45  # contrast turns about a middle grey
        frames = frames * (contrast / (255 * std)) + (offset - mean) / std
    return frames.flatten(0, 1).permute(0, 3, 1, 2)
