"""X-CLIP (Ni et al. ECCV 2022, arXiv 2208.02816): messages between frames, and text that the video adds to.

Shapes: B clips, T frames, P patches of a frame, W width of the tower, E joint embedding, C classes.
"""

from __future__ import annotations

from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import torch
from mmaction.registry import MODELS
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.nn.functional import normalize

from fgsgl.models.baselines.adapters import CrossFrameBlock
from fgsgl.models.fgsgl.cpa import prompt_text_CE
from fgsgl.models.towers.recognizer import TowerRecognizer
from fgsgl.models.towers.temporal import FrameTransformer, heads_of
from fgsgl.text import fgtext


@MODELS.register_module()
class XCLIP(TowerRecognizer):
    """Cross-frame communication in a visual tower that is tuned whole, multi-frame integration, video-specific prompts.

    As published for full supervision: the text tower stays frozen, the loss is the cross-entropy over all classes.
    Differences: each class's text is the mean of its prompts' normalised embeddings (there: one text, not normalised),
    one learning rate for all weights (there: ten times higher for the new ones), no stochastic depth.

    Args:
        text: FG-Text, a shipped one's name or a file.
        layers: of the multi-frame integration; the paper's one.
        prompt_layers: of the video-specific prompting; the paper's two.
        common: of :class:`fgsgl.models.towers.recognizer.TowerRecognizer`.
    """

    def __init__(self, *, text: str, layers: int, prompt_layers: int, **common: Any) -> None:
        super().__init__(**common)
        self.tower.tune(visual=True)
        self.tower.wrap_blocks(lambda _, block: CrossFrameBlock(block, self.num_frames, self.width))
        self.temporal = FrameTransformer(self.embedding, self.num_frames, layers)
        self.prompt = VideoPrompt(self.width, self.embedding, prompt_layers)
        classes = fgtext.load_classes(text, self.num_classes)
        self.register_buffer("class_CE", prompt_text_CE(classes, self.tower), persistent=False)
        self.scale = self.logit_scale()
        self.finish(f"xclip; text {classes.fingerprint()}")

    def _see(self, clip_BTCHW: Tensor, labels_B: Tensor | None) -> tuple[Tensor, Tensor]:
        batch = len(clip_BTCHW)
        patch_NPW, frame_NE = self.tower.encode_frames(clip_BTCHW.flatten(0, 1), tap=self.tower.depth)
        patch_BPW = patch_NPW.unflatten(0, (batch, -1)).mean(1)
        return self.temporal(frame_NE.unflatten(0, (batch, -1))), self.prompt(self.class_CE, patch_BPW).float()

    def _logits(self, video_BE: Tensor, text_BCE: Tensor) -> Tensor:  # type: ignore[override]  # never without text
        similarity_BC = torch.einsum("be,bce->bc", normalize(video_BE, dim=-1), normalize(text_BCE, dim=-1))
        return self.scale() * similarity_BC


class VideoPrompt(nn.Module):
    """Video-specific prompting (section 3.3): class text attends to the video's patches, and a little is added to it.

    Args:
        width: W.
        embedding: E.
        layers: of cross-attention, each with an MLP.
    """

    START = 0.1  # of what is added, as in the paper

    def __init__(self, width: int, embedding: int, layers: int) -> None:
        super().__init__()
        self.to_embedding = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, embedding, bias=False), nn.LayerNorm(embedding)
        )
        self.layers = nn.ModuleList(
            ResidualAttentionBlock(embedding, heads_of(embedding), is_cross_attention=True) for _ in range(layers)
        )
        self.weight_E = nn.Parameter(torch.full((embedding,), self.START))

    def forward(self, class_CE: Tensor, patch_BPW: Tensor) -> Tensor:
        """``text_BCE``: the classes' text as each video has it, not normalised."""
        video_BPE = self.to_embedding(patch_BPW)
        class_BCE = class_CE.expand(len(patch_BPW), -1, -1)
        prompt_BCE = class_BCE
        for layer in self.layers:
            prompt_BCE = layer(prompt_BCE, video_BPE, video_BPE)
        return class_BCE + self.weight_E * prompt_BCE
