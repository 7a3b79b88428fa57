"""A ResNet slim enough for two cores, as a backbone of MMAction2's Recognizer2D (TSN, and TSM with ``shift=True``).

Shapes: N frames, C channels of the last stage, h, w its feature map.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models.resnet import BasicBlock, ResNet

from fgsgl import compat
from fgsgl.errors import UserError
from fgsgl.models import synmg_tiny

compat.apply()

from mmaction.models.backbones.resnet_tsm import TemporalShift  # noqa: E402 (after the cures)
from mmaction.registry import MODELS  # noqa: E402

STAGE_CHANNELS = (32, 64, 128, 192)
STAGE_BLOCKS = (1, 1, 1, 1)


@MODELS.register_module()
class SlimResNet(ResNet):
    """timm's ResNet of basic blocks, 0.9 M parameters, output stride 16 (a 7 x 7 map at 112 px).

    Args:
        num_segments: frames of a clip; used by the shift only.
        shift: MMAction2's temporal shift before the first convolution of every block (TSM's "blockres").
        shift_div: one part in so many of the channels moves each way in time.
        pretrained: ``synmg-slim`` for the weights in this package, a ``.safetensors`` file, or None for random ones.

    Raises:
        UserError: for weights that are missing, unreadable, or of another architecture.
    """

    def __init__(
        self, num_segments: int = 8, shift: bool = False, shift_div: int = 8, pretrained: str | None = None
    ) -> None:
        super().__init__(
            BasicBlock, STAGE_BLOCKS, channels=STAGE_CHANNELS, stem_width=32, num_classes=0, output_stride=16
        )
        if pretrained is not None:
            self._load(synmg_tiny.slim_path() if pretrained == synmg_tiny.SLIM_NAME else Path(pretrained))
        if shift:
            for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
                for block in stage:
                    block.conv1 = TemporalShift(block.conv1, num_segments=num_segments, shift_div=shift_div)

    def init_weights(self, *args: object, **kwargs: object) -> None:
        """Called by timm when building, and by MMEngine before training, which must not undo loaded weights."""
        if not getattr(self, "_initialised", False):
            super().init_weights(*args, **kwargs)
            self._initialised = True

    def forward(self, frames_NCHW: torch.Tensor) -> torch.Tensor:
        """frames_NCHW, normalised -> feature map (N, C, h, w)."""
        return self.forward_features(frames_NCHW.contiguous(memory_format=torch.channels_last))

    def _load(self, path: Path) -> None:
        try:
            weights = {name: value.float() for name, value in load_file(path).items()}
        except (OSError, SafetensorError) as error:
            raise UserError(
                f"the backbone weights {path} cannot be read: {error}; expected a safetensors file"
            ) from None
        missing, unexpected = self.load_state_dict(weights, strict=False)
        missing = [name for name in missing if not name.endswith("num_batches_tracked")]
        if missing or unexpected:
            raise UserError(f"{path} is not a SlimResNet: it lacks {missing[:3]} and has {unexpected[:3]} too many")


def feature_channels() -> int:
    """Channels of the feature map: ``in_channels`` of the head."""
    return STAGE_CHANNELS[-1]
