"""From uint8 clips to a recognizer's input, on the device and for the whole batch at once.

Shapes: B clips, K cached frames a clip, T = K / PER_SEGMENT frames a recognizer sees, H, W; ``clip_BTCHW`` float.
"""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.model import BaseDataPreprocessor

from fgsgl.data.clip_table import PER_SEGMENT
from fgsgl.models.distributed_batch import own, whole
from fgsgl.util.errors import UserError


@MODELS.register_module()
class ClipPreprocessor(BaseDataPreprocessor):
    """Stacks ``frames_KHWC`` uint8 samples, picks a frame of each segment, augments (training only) and normalises.

    All randomness is torch's on the default generator; the harness seeds it for every epoch, so that a resumed
    epoch equals an uninterrupted one. Several processes draw for the whole batch, and each takes its own clips' part.

    Args:
        mean, std: per channel, in 0..255, as the pretrained weights expect them.
        flip: probability of mirroring a clip. FG-Text names no side, so a mirrored clip keeps its sentences.
        shift: largest random translation, as a share of the image side; the border is repeated.
        brightness: largest relative change of brightness and of contrast, one draw of each a clip.
    """

    def __init__(
        self,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        flip: float = 0.5,
        shift: float = 0.06,
        brightness: float = 0.2,
    ) -> None:
        super().__init__()
        self.flip, self.shift, self.brightness = flip, shift, brightness
        self.view = 0
        """The frame of each segment that an evaluation sees: 0 is the last that is kept, 1 the one before it."""
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """``{"inputs": [frames_KHWC uint8, ...], "data_samples": [...]}`` -> the same with ``inputs`` clip_BTCHW.

        Raises:
            UserError: for clips of another type or shape, which would be normalised to something else in silence.
        """
        for clip in data["inputs"]:
            if clip.dtype != torch.uint8 or clip.ndim != 4 or clip.shape[-1] != 3 or len(clip) % PER_SEGMENT:
                raise UserError(
                    f"a clip came as {clip.dtype} of shape {tuple(clip.shape)}; expected torch.uint8 of shape (frames, "
                    f"height, width, 3), red first, with {PER_SEGMENT} frames for each that the recognizer sees"
                )
        data = self.cast_data(data)
        frames_BKHWC = torch.stack(tuple(data["inputs"]))
        clip_BTHWC = (
            self._cut(frames_BKHWC) if training else frames_BKHWC[:, PER_SEGMENT - 1 - self.view :: PER_SEGMENT]
        )
        clip_BTCHW = clip_BTHWC.movedim(-1, 2).float()
        gain_B, offset_B = self._light(clip_BTCHW) if training else (1.0, 0.0)
        clip_BTCHW.mul_(gain_B / self.std).add_((offset_B - self.mean) / self.std)
        return {"inputs": clip_BTCHW, "data_samples": data["data_samples"]}

    def _cut(self, frames_BKHWC: torch.Tensor) -> torch.Tensor:
        """A random frame of each segment, mirrored or not, moved by whole pixels: one copy, still uint8."""
        batch, kept, height, width = frames_BKHWC.shape[:4]
        segments = kept // PER_SEGMENT
        index_BT = torch.arange(segments) * PER_SEGMENT + own(torch.randint(PER_SEGMENT, (whole(batch), segments)))
        rows_BH = _moved(height, batch, self.shift)
        columns_BW = _moved(width, batch, self.shift)
        mirrored_B = own(torch.rand(whole(batch), 1)) < self.flip
        columns_BW = torch.where(mirrored_B, columns_BW.flip(-1), columns_BW)
        device = frames_BKHWC.device
        index_BT, rows_BH, columns_BW = index_BT.to(device), rows_BH.to(device), columns_BW.to(device)
        return torch.stack(
            [
                frames_KHWC[index_T].index_select(1, rows_H).index_select(2, columns_W)
                for frames_KHWC, index_T, rows_H, columns_W in zip(
                    frames_BKHWC, index_BT, rows_BH, columns_BW, strict=True
                )
            ]
        )

    def _light(self, clip_BTCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gain and offset of each clip: contrast about the clip's mean, and brightness."""
        draws_2B = (own(torch.rand(2, whole(len(clip_BTCHW))), dim=1) * 2 - 1) * self.brightness
        contrast_B, brightness_B = draws_2B.to(clip_BTCHW.device).view(2, -1, 1, 1, 1, 1)
        middle_B = clip_BTCHW[:, ::2, :, ::4, ::4].mean(dim=(1, 2, 3, 4), keepdim=True)
        return 1 + contrast_B, middle_B * (brightness_B - contrast_B)


def _moved(side: int, batch: int, share: float) -> torch.Tensor:
    """Pixel numbers of a side, moved by a whole number of pixels a clip, the border repeated: (batch, side)."""
    reach = round(share * side)
    return (torch.arange(side) + own(torch.randint(-reach, reach + 1, (whole(batch), 1)))).clamp(0, side - 1)


def expect_clips(clip_BTCHW: torch.Tensor, num_frames: int, image_size: int, recognizer: str) -> None:
    """Refuses clips other than a recognizer was built for.

    Args:
        clip_BTCHW: what it was given.
        num_frames: T that it expects.
        image_size: H and W that it expects.
        recognizer: its name, for the message.

    Raises:
        UserError: for another shape, or pixels that are no floats.
    """
    expected = (num_frames, 3, image_size, image_size)
    if clip_BTCHW.shape[1:] != expected or not clip_BTCHW.is_floating_point():
        raise UserError(
            f"{recognizer} got {clip_BTCHW.dtype} clips of shape {tuple(clip_BTCHW.shape)}, expected normalised floats "
            f"of shape (B, {str(expected)[1:]}"
        )
