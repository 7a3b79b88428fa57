"""LoRA on a tower, as a parametrization of its weights: no wrapped layers, and an exact merge.

W' = W + alpha / r * B A (arXiv 2106.09685, eq. 3), with B zero at the start. Shapes: O rows of a block, I columns,
R rank, S adapted blocks of rows of one weight (q, k and v stand below each other in one matrix; other weights are one
block).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from fgsgl.util.errors import UserError

# Linear layers of a block by name, in both kinds of tower: open_clip's own blocks and timm's.
_OUTPUT = {"out_proj", "proj"}
_MLP = {"c_fc", "c_proj", "fc1", "fc2"}


class LowRank(nn.Module):
    """Adds ``scale * B A`` to the adapted row blocks of a weight.

    Args:
        weight_OI: the weight, which stays as it is.
        rank: R.
        scale: alpha / R.
        blocks: how many equal row blocks the weight has.
        adapted: which of them are adapted.
    """

    def __init__(self, weight_OI: Tensor, rank: int, scale: float, blocks: int, adapted: Sequence[int]) -> None:
        super().__init__()
        rows, columns = weight_OI.shape
        self.scale, self.blocks, self.adapted = scale, blocks, tuple(adapted)
        self.lora_A_SRI = nn.Parameter(weight_OI.new_empty(len(adapted), rank, columns))
        self.lora_B_SOR = nn.Parameter(weight_OI.new_zeros(len(adapted), rows // blocks, rank))
        for A_RI in self.lora_A_SRI:
            nn.init.kaiming_uniform_(A_RI, a=math.sqrt(5))

    def forward(self, weight_OI: Tensor) -> Tensor:
        """The adapted weight."""
        update_SOI = self.scale * (self.lora_B_SOR @ self.lora_A_SRI)
        if len(self.adapted) == self.blocks:
            return weight_OI + update_SOI.flatten(0, 1)
        block_OI = list(weight_OI.chunk(self.blocks))
        for update_OI, place in zip(update_SOI, self.adapted, strict=True):
            block_OI[place] = block_OI[place] + update_OI
        return torch.cat(block_OI)


def add_lora(tower: nn.Module, rank: int, alpha: float, targets: Sequence[str]) -> int:
    """Adapts the blocks of a tower, which must hold its weights already; the output stays the same at first.

    Args:
        tower: open_clip's VisionTransformer or its wrapper of a timm transformer, or a text tower.
        rank: R.
        alpha: the update is scaled by ``alpha / rank``.
        targets: of ``q``, ``k``, ``v``, ``o`` and ``mlp``.

    Returns:
        how many weights were adapted. A is drawn from torch's default generator.

    Raises:
        UserError: if the tower has no such weight.
    """
    qkv = [place for place, name in enumerate("qkv") if name in targets]
    found = list(_weights(tower, bool(qkv), "o" in targets, "mlp" in targets))
    for module, name, blocks in found:
        weight = getattr(module, name)
        weight.requires_grad_(False)
        adapted = qkv if blocks == 3 else [0]
        parametrize.register_parametrization(module, name, LowRank(weight, rank, alpha / rank, blocks, adapted))
    if not found:
        raise UserError(f"LoRA found no weight for the targets {', '.join(targets)} in a {type(tower).__name__}")
    return len(found)


def merge_lora(model: nn.Module) -> None:
    """Writes every update into its weight, in place: the parameters have their original names again, and are frozen."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            parametrizations: Any = module.parametrizations
            for name in list(parametrizations):
                if isinstance(parametrizations[name][0], LowRank):
                    parametrize.remove_parametrizations(module, name, leave_parametrized=True)
                    getattr(module, name).requires_grad_(False)


def _weights(tower: nn.Module, qkv: bool, output: bool, mlp: bool) -> Iterator[tuple[nn.Module, str, int]]:
    """(module, name of its weight, number of row blocks) of what is to be adapted; only inside transformer blocks."""
    for path, module in tower.named_modules():
        *parents, own = path.split(".")
        if not {"blocks", "resblocks"} & set(parents):
            continue
        parent = parents[-1]
        if qkv and isinstance(module, nn.MultiheadAttention) and own == "attn" and module.in_proj_weight is not None:
            yield module, "in_proj_weight", 3
        elif isinstance(module, nn.Linear):
            if qkv and parent == "attn" and own == "qkv":
                yield module, "weight", 3
            elif (output and parent == "attn" and own in _OUTPUT) or (mlp and parent == "mlp" and own in _MLP):
                yield module, "weight", 1
