"""CLIP's weights under other names: Hugging Face's CLIP and OpenAI's own files, renamed to open_clip's.

Shapes: V width of the text tower, W of the visual tower, E joint embedding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from fgsgl.models.towers.weights_facts import OPENAI
from fgsgl.util.errors import UserError

_MARK = "vision_model.embeddings.class_embedding"
_WHOLE = {
    "logit_scale": "logit_scale",
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "vision_model.embeddings.class_embedding": "visual.class_embedding",
    "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
}
_TRANSPOSED = {"text_projection.weight": "text_projection", "visual_projection.weight": "visual.proj"}
"""Projections, which open_clip keeps as (V, E) and (W, E) and Hugging Face as linear layers."""
_NORMS = {
    "text_model.final_layer_norm": "ln_final",
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
}
_IN_BLOCK = {
    "self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
}  # fmt: skip
_NOT_WEIGHTS = ("text_model.embeddings.position_ids", "vision_model.embeddings.position_ids")
_BLOCK = re.compile(r"(text|vision)_model\.encoder\.layers\.(\d+)\.(.+)\.(weight|bias)")


def open_clip_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by open_clip's names; those that have them already stay as they are.

    Raises:
        UserError: for Hugging Face's names of another model than CLIP.
    """
    if _MARK not in weights:
        extra = OPENAI if weights.keys() >= OPENAI else frozenset()
        return {name: value for name, value in weights.items() if name not in extra}
    found: dict[str, Tensor] = {}
    qkv: dict[str, dict[str, Tensor]] = {}
    for name, value in weights.items():
        if name in _NOT_WEIGHTS:
            continue
        layer, _, kind = name.rpartition(".")
        if name in _WHOLE:
            found[_WHOLE[name]] = value
        elif name in _TRANSPOSED:
            found[_TRANSPOSED[name]] = value.T.contiguous()
        elif layer in _NORMS:
            found[f"{_NORMS[layer]}.{kind}"] = value
        elif match := _BLOCK.fullmatch(name):
            tower, number, part, kind = match.groups()
            block = f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{number}"
            if part in _IN_BLOCK:
                found[f"{block}.{_IN_BLOCK[part]}.{kind}"] = value
            elif part in ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"):
                qkv.setdefault(f"{block}.attn.in_proj_{kind}", {})[part[10]] = value
            else:
                raise _unknown(name)
        else:
            raise _unknown(name)
    for name, parts in qkv.items():
        if missing := sorted(set("qkv") - parts.keys()):
            raise UserError(f"the weights lack the projection {missing[0]!r} of {name!r}; use a whole file")
        found[name] = torch.cat([parts[letter] for letter in "qkv"])
    return found


def _unknown(name: str) -> UserError:
    return UserError(
        f"the weights hold {name[:80]!r}, which Hugging Face's CLIP has not; expected its model.safetensors"
    )
