"""A frozen tower whose blocks get adapters for video, and a linear head: AIM and ST-Adapter. No text is read.

Differences from both papers: the head reads the tower's joint embedding, as the linear probe does (there: its last
class token), through a layer norm of its own and without dropout; frames are normalised before their mean.

Shapes: B clips, T frames, E joint embedding, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fgsgl import compat

compat.apply()

from mmaction.registry import MODELS  # noqa: E402

from fgsgl.models.temporal import MeanOverTime  # noqa: E402
from fgsgl.models.tower_recognizer import TowerRecognizer  # noqa: E402
from fgsgl.models.video_blocks import AIMBlock, STAdapterBlock  # noqa: E402


class AdaptedTower(TowerRecognizer):
    """What both have in common: the tower with other blocks, the mean over the frames, a linear layer."""

    LOSS = "loss_linear"

    def _add_head(self, name: str) -> None:
        self.temporal, self.linear = MeanOverTime(), self.linear_head()
        self.finish(name)

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, None]:
        return self.temporal(self._frames(clip_BTCHW)), None


@MODELS.register_module()
class AIM(AdaptedTower):
    """AIM; see :class:`fgsgl.models.video_blocks.AIMBlock`.

    Args:
        share: width of an adapter as a share of the tower's.
        common: of :class:`fgsgl.models.tower_recognizer.TowerRecognizer`.
    """

    def __init__(self, *, share: float, **common: Any) -> None:
        super().__init__(**common)
        self.tower.wrap_blocks(
            lambda place, block: AIMBlock(block, self.num_frames, self.width, share, first=place == 1)
        )
        self._add_head("aim")


@MODELS.register_module()
class STAdapter(AdaptedTower):
    """ST-Adapter; see :class:`fgsgl.models.video_blocks.STAdapterBlock`.

    Args:
        share: width of an adapter as a share of the tower's.
        kernel: of its convolution, in time, height and width.
        common: of :class:`fgsgl.models.tower_recognizer.TowerRecognizer`.
    """

    def __init__(self, *, share: float, kernel: Sequence[int], **common: Any) -> None:
        super().__init__(**common)
        shape = (self.num_frames, self.width, share, kernel)
        self.tower.wrap_blocks(lambda place, block: STAdapterBlock(block, *shape, last=place == self.tower.depth))
        self._add_head("st_adapter")
