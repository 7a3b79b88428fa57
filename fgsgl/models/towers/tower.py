"""The vision-language model: an open_clip model split into a visual tower, with mid-level taps, and a text tower.

Shapes: N images or sentences, P patches of a frame, W width of the visual tower, E joint embedding, C classes,
K learned context tokens, V width of the text tower, L tokens of a text.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fgsgl.util.cured_stack  # noqa: F401

import open_clip
import torch
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from fgsgl.models.preprocess_clips import ClipPreprocessor
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.backbones import GELU, QUICK_GELU, architecture, require_backbone_name
from fgsgl.models.towers.clip_names import open_clip_names
from fgsgl.models.towers.last_block import Shortened, shorten_last_block
from fgsgl.models.towers.weights import WeightsFile, find_weights
from fgsgl.models.towers.weights_facts import Facts
from fgsgl.models.weights_file import read_weights, refuse_resized
from fgsgl.util.checkpoint_file import is_torchscript
from fgsgl.util.errors import UserError, nearest

CLIP_PIXELS = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
_BATCH = 64  # sentences encoded at a time
_START = "a video of a person"  # the learned context starts as these words


class Tower(nn.Module):
    """A visual and a text tower with one joint embedding, frozen until :meth:`tune` is called.

    LoRA may be added to both, and the blocks of :attr:`visual` may be wrapped.

    Args:
        model: a CLIP or CustomTextCLIP of open_clip's whose visual tower is a transformer; it is taken apart.
        tokenizer: texts -> token ids_NL.
        name: what error messages call it.
        mean, std: of the pixels, per channel, in 0..1, as the weights expect them.
        temporal: weights of the temporal encoder that was pretrained with it, if any.
    """

    def __init__(
        self,
        model: open_clip.CLIP | open_clip.CustomTextCLIP,
        tokenizer: open_clip.SimpleTokenizer,
        name: str,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        temporal: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        model.eval().requires_grad_(False)
        self.name, self.mean, self.std, self.temporal = name, mean, std, temporal
        self.identity = f"{name} {_content_sha256(model)[:16]}"
        """Name, and hash over all weights: the same for the same weights in another file."""
        self.visual: Any = model.visual  # open_clip has no types
        model.visual = None
        self.text: Any = model
        """The text tower (None once dropped)."""
        self._tokenizer = tokenizer
        shorten_last_block(self.visual)
        self.depth = len(_blocks(self.visual, name))
        """Number of blocks of the visual tower."""

    def normalise_pixels(self, preprocessor: nn.Module) -> None:
        """Sets how a recognizer's preprocessor normalises pixels, where the weights expect it otherwise than CLIP."""
        if isinstance(preprocessor, ClipPreprocessor) and (self.mean, self.std) != CLIP_PIXELS:
            preprocessor.mean = 255 * torch.tensor(self.mean).view(3, 1, 1)
            preprocessor.std = 255 * torch.tensor(self.std).view(3, 1, 1)

    def train(self, mode: bool = True) -> Tower:
        """Stays in evaluation mode, frozen or tuned: no tower drops anything out."""
        return super().train(False)

    def tune(self, visual: bool = False, text: bool = False) -> None:
        """Unfreezes all weights that the frames' or the texts' embeddings are computed with."""
        if visual:
            self.visual.requires_grad_()
        if text:
            for name, parameter in self.text.named_parameters():
                parameter.requires_grad_(name not in ("logit_scale", "logit_bias"))

    def wrap_blocks(self, wrap: Callable[[int, nn.Module], nn.Module]) -> None:
        """Puts ``wrap(number from 1, block)`` in the place of every block of the visual tower."""
        blocks = _blocks(self.visual, self.name)
        for index, block in enumerate(blocks):
            blocks[index] = wrap(index + 1, block)

    def compile_visual(self, backend: str = "inductor") -> None:
        """Compiles the way from frames to features, as a whole, at its first call for each kind of input.

        Args:
            backend: of ``torch.compile``.
        """
        forward = self.visual.forward_intermediates
        self.visual.forward_intermediates = torch.compile(forward, fullgraph=True, backend=backend)

    def tap_block(self, tap: str | int) -> int:
        """The number of the block, from 1, that a tap means.

        Raises:
            UserError: for a number above the depth.
        """
        if isinstance(tap, int):
            if tap > self.depth:
                raise UserError(f"tap={tap} is beyond the last block of {self.name}; expected 1..{self.depth}")
            return tap
        return max(1, {"early": round(self.depth / 3), "middle": round(2 * self.depth / 3), "late": self.depth}[tap])

    def encode_frames(self, frames_NCHW: Tensor, tap: int) -> tuple[Tensor, Tensor]:
        """Normalised frames -> the patch tokens ``mid_NPW`` after block ``tap`` (from 1) and ``frame_NE``, in one pass.

        The patch tokens are before the tower's last norm; neither output is normalised.
        """
        last = _blocks(self.visual, self.name)[-1]
        if isinstance(last, Shortened):
            last.patches_read = tap == self.depth
        output = self.visual.forward_intermediates(frames_NCHW, indices=[tap - 1], output_fmt="NLC")
        return output["image_intermediates"][0], output["image_features"]

    @torch.no_grad()
    def encode_text(self, texts: list[str]) -> Tensor:
        """Texts -> ``text_NE``, normalised.

        Raises:
            UserError: for a text longer than the tower's context; nothing is cut off in silence.
        """
        tokens_NL = self.tokens(texts)
        parts = [self.text.encode_text(part_NL, normalize=True).float() for part_NL in tokens_NL.split(_BATCH)]
        return torch.cat(parts)

    def encode_tokens(self, tokens_NL: Tensor) -> Tensor:
        """Token ids -> ``text_NE``, normalised, with gradients to the tuned weights of the text tower.

        Raises:
            UserError: if the tower's attention is not causal.
        """
        tokens_NL = self._as_far_as_read(tokens_NL)
        return self._read(tokens_NL, self._token_embedding()(tokens_NL))

    def tokens_after_context(self, count: int, names: Sequence[str]) -> Tensor:
        """Class names after places for learned context tokens -> token ids_CL, as far as they are read.

        Raises:
            UserError: if context and name are longer than the tower's context, or the tower's attention is not causal.
        """
        return self._as_far_as_read(self.tokens([" ".join(["x"] * count + [name]) for name in names]))

    def encode_text_with_context(self, context_KV: Tensor, tokens_CL: Tensor) -> Tensor:
        """Class names after learned context tokens (CoOp, arXiv 2109.01134) -> ``text_CE``, normalised.

        Args:
            context_KV: the context.
            tokens_CL: of :meth:`tokens_after_context`, for as many context tokens.
        """
        count = len(context_KV)
        embedded_CLV = self._token_embedding()(tokens_CL)
        context_CKV = context_KV.to(embedded_CLV.dtype).expand(len(tokens_CL), -1, -1)
        embedded_CLV = torch.cat([embedded_CLV[:, :1], context_CKV, embedded_CLV[:, 1 + count :]], dim=1)
        return self._read(tokens_CL, embedded_CLV)

    def first_context(self, count: int) -> Tensor:
        """``context_KV`` to start from: the embedded words of a plain prompt, repeated as often as needed."""
        tokens_L = self.tokens([_START])[0]
        words_L = tokens_L[1 : 1 + len(self._tokenizer.encode(_START))]
        return self._token_embedding()(words_L).detach().repeat(count, 1)[:count].clone()

    def drop_text(self) -> None:
        """Frees the text tower; text can no longer be encoded."""
        self.text = None

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts -> token ids_NL.

        Raises:
            UserError: for a text longer than the tower's context; nothing is cut off in silence.
        """
        if self.text is None:
            raise RuntimeError("the text tower was dropped")
        tokens_NL = self._tokenizer(list(texts))
        longest = self.text.context_length - 2  # a start and an end token
        for text, last in zip(texts, tokens_NL[:, -1], strict=True):  # not 0 where a text fills its row, or was cut
            if last and (length := len(self._tokenizer.encode(text))) > longest:
                raise UserError(f"{self.name} reads {longest} tokens, but this text has {length}: {text!r}; shorten it")
        return tokens_NL.to(self._token_embedding().weight.device)

    def _as_far_as_read(self, tokens_NL: Tensor) -> Tensor:
        """Attention is causal and the end token, the largest id, is read: what follows the longest text is unseen."""
        text = getattr(self.text, "text", self.text)
        if text.attn_mask is None or getattr(text, "text_pool_type", getattr(text, "pool_type", "")) != "argmax":
            raise UserError(
                f"{self.name} reads texts in both directions; neither its text tower nor its prompts can be learned, "
                "so take another backbone, or switch off FG-SGL's learned_prompts"
            )
        return tokens_NL[:, : int(tokens_NL.argmax(1).max()) + 1]

    def _read(self, tokens_NL: Tensor, embedded_NLV: Tensor) -> Tensor:
        """Embedded tokens -> ``text_NE``, normalised."""
        text = getattr(self.text, "text", self.text)
        count, length = tokens_NL.shape
        embedded_NLV = embedded_NLV + text.positional_embedding[:length].to(embedded_NLV.dtype)
        read_NLV = text.transformer(embedded_NLV, attn_mask=text.attn_mask[:length, :length])
        end_NV = text.ln_final(read_NLV)[torch.arange(count), tokens_NL.argmax(1)]
        projection = text.text_projection
        text_NE = projection(end_NV) if isinstance(projection, nn.Linear) else end_NV @ projection
        return normalize(text_NE, dim=-1).float()

    def _token_embedding(self) -> nn.Embedding:
        return getattr(self.text, "text", self.text).token_embedding


def load_tokenizer(backbone: str) -> open_clip.SimpleTokenizer:
    """The tokenizer of a backbone's text tower.

    Raises:
        UserError: for an unknown backbone, or one whose text tower is not open_clip's own.
    """
    require_backbone_name(backbone)
    synmg_tiny.register()
    config = open_clip.get_model_config(architecture(backbone))
    if config is None:
        raise UserError(f"unknown backbone {backbone!r}; {nearest(backbone, open_clip.list_models())}")
    if "hf_model_name" in config["text_cfg"] or "hf_tokenizer_name" in config["text_cfg"]:
        raise UserError(f"the backbone {backbone} needs the package transformers, which is not supported; take another")
    return _tokenizer(architecture(backbone))


@functools.cache
def _tokenizer(architecture_name: str) -> open_clip.SimpleTokenizer:
    """Remembered: open_clip reads its vocabulary for a sixth of a second, and each text once."""
    return open_clip.get_tokenizer(architecture_name)


def build_tower(backbone: str, pretrained: str | None, image_size: int | None = None) -> Tower:
    """Builds both towers, with every weight frozen.

    Args:
        backbone: an open_clip model's name.
        pretrained: a tag, a file, or None: random weights, the same ones at every call.
        image_size: side of a frame in pixels; position embeddings are interpolated to it. None: the tower's own, for
            texts.

    Raises:
        UserError: for an unknown backbone, one whose visual tower is no transformer, weights that cannot be found or do
            not fit, or an image size that the tower cannot take.
    """
    tokenizer, config = load_tokenizer(backbone), open_clip.get_model_config(architecture(backbone))
    weights = None if pretrained is None else find_weights(backbone, pretrained)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _create(backbone, weights, image_size, config)
    mean = weights.mean if weights else open_clip.OPENAI_DATASET_MEAN
    std = weights.std if weights else open_clip.OPENAI_DATASET_STD
    temporal = read_weights(weights.temporal) if weights and weights.temporal else None
    return Tower(model, tokenizer, _full_name(backbone, weights), mean, std, temporal)


def tower_weights(backbone: str, pretrained: str, image_size: int) -> tuple[Facts, dict[str, Tensor]]:
    """A tower to be kept elsewhere: the facts about its weights, and these by open_clip's names.

    Args:
        backbone, pretrained, image_size: as for :func:`build_tower`, which builds the same tower from both.

    Raises:
        UserError: as :func:`build_tower`.
    """
    load_tokenizer(backbone)  # an unknown backbone is refused by its name
    weights, config = find_weights(backbone, pretrained), open_clip.get_model_config(architecture(backbone))
    model = _create(backbone, weights, image_size, config)
    quick = weights.quick_gelu or backbone.endswith(QUICK_GELU)
    return Facts(quick_gelu=quick, mean=weights.mean, std=weights.std), model.state_dict()


def _full_name(backbone: str, weights: WeightsFile | None) -> str:
    plain = backbone.removesuffix(GELU)
    quick = weights is not None and weights.quick_gelu and not plain.endswith(QUICK_GELU)
    return f"{plain}{QUICK_GELU}" if quick else plain


def _create(backbone: str, weights: WeightsFile | None, image_size: int | None, config: dict) -> open_clip.CLIP:
    path = None if weights is None else str(weights.path)
    given = read_weights(weights.path) if weights else {}
    held = open_clip_names(given)
    # Renamed ones, and those of a TorchScript file (whose program open_clip's reader would run), are passed on as plain
    # tensors.
    renamed = weights is not None and (held.keys() != given.keys() or is_torchscript(weights.path))
    shapes = {name: value.shape for name, value in held.items()}
    other_size = None if config["vision_cfg"].get("image_size", 224) == image_size else image_size
    try:
        with tempfile.TemporaryDirectory(prefix="fgsgl-") as folder:
            if renamed:
                plain = Path(folder) / "weights.safetensors"
                save_file({name: value.contiguous().clone() for name, value in held.items()}, plain)
            model = open_clip.create_model(
                architecture(backbone),
                pretrained=str(plain) if renamed else path,
                force_quick_gelu=weights is not None and weights.quick_gelu,
                force_image_size=other_size,
                weights_only=True,
            )
    except (RuntimeError, AssertionError, KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        what = f"the weights {path}" if path else "random weights"
        size = f" at {image_size} pixels" if image_size else ""
        detail = " ".join(str(error).split())[:200]
        raise UserError(f"{what} do not fit the backbone {backbone}{size} ({detail})") from None
    if image_size is not None:
        _refuse_cut_frames(model.visual, backbone, image_size)
    if weights:
        refuse_resized(weights.path, shapes, model, resized="visual.")
    return model


def _refuse_cut_frames(visual: Any, backbone: str, image_size: int) -> None:
    """Refuses an image size whose last pixels would belong to no patch, and be cut off in silence."""
    trunk = getattr(visual, "trunk", None)
    patch = getattr(visual if trunk is None else getattr(trunk, "patch_embed", None), "patch_size", None)
    if patch and image_size % patch[0]:
        raise UserError(
            f"{image_size} pixels do not fit the backbone {backbone}; take an --image-size that is a multiple of "
            f"{patch[0]}"
        )


def _blocks(visual: Any, name: str) -> nn.ModuleList:
    """The transformer blocks of open_clip's own tower, or of its wrapper of a timm tower."""
    if isinstance(visual, VisionTransformer):
        return visual.transformer.resblocks
    blocks = getattr(visual.trunk, "blocks", None) if isinstance(visual, TimmModel) else None
    if blocks is None:
        raise UserError(f"the visual tower of {name} is no transformer; take a backbone such as ViT-B-16")
    return blocks


def _content_sha256(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
