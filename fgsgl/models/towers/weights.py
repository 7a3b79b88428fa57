"""From the setting ``pretrained`` to a file of weights that can be read without running code from it.

A tag of open_clip's is looked up in the local cache; the network is asked only with ``--allow-download``, and only when
it answers within seconds (open_clip alone would retry for most of a minute).
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import fgsgl.util.cured_stack  # noqa: F401

import open_clip
from huggingface_hub import constants, try_to_load_from_cache
from open_clip.pretrained import download_pretrained

from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.backbones import architecture
from fgsgl.models.towers.weights_facts import facts_of
from fgsgl.models.weights_file import SUFFIXES, checked
from fgsgl.util import downloads
from fgsgl.util.errors import UserError, nearest

SHIPPED = {synmg_tiny.NAME: (synmg_tiny.NAME, synmg_tiny.MOTION_NAME)}
"""Backbone -> tags of the weights that this package brings along."""
_CACHED_NAMES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_PATIENCE_S = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightsFile:
    """A file of weights, and what has to be known to use it."""

    path: Path
    quick_gelu: bool = False
    """The weights were trained with QuickGELU (OpenAI's and some others)."""
    mean: tuple[float, float, float] = open_clip.OPENAI_DATASET_MEAN
    std: tuple[float, float, float] = open_clip.OPENAI_DATASET_STD
    temporal: Path | None = None
    """Weights of a temporal encoder that was pretrained with the tower."""


def known(backbone: str, pretrained: str) -> bool:
    """Whether weights are a tag of a backbone, shipped or open_clip's; nothing is read or downloaded.

    Raises:
        UserError: where they are neither that nor an existing file.
    """
    if pretrained in SHIPPED.get(backbone, ()) or open_clip.get_pretrained_cfg(architecture(backbone), pretrained):
        return True
    _file(backbone, pretrained)
    return False


def find_weights(backbone: str, pretrained: str) -> WeightsFile:
    """The file for a tag, or for the path of a file. A tag's file is downloaded where that was asked for.

    Raises:
        UserError: if there is no such file or tag, nothing tells the activation that a file was trained with
            (:func:`fgsgl.models.towers.weights_facts.facts_of`), the backbone's name contradicts it, or the tag's file
            is not in the cache and its server does not answer.
    """
    if pretrained in SHIPPED.get(backbone, ()):
        has_seen_motions = pretrained == synmg_tiny.MOTION_NAME
        temporal = checked(synmg_tiny.motion_temporal_path()) if has_seen_motions else None
        return WeightsFile(path=checked(synmg_tiny.weights_path(pretrained)), temporal=temporal)
    if tag := open_clip.get_pretrained_cfg(architecture(backbone), pretrained):
        if backbone != architecture(backbone) and tag.get("quick_gelu"):
            raise UserError(f"the backbone {backbone} was named, but the tag {pretrained!r} was trained with QuickGELU")
        mean, std = tag.get("mean") or open_clip.OPENAI_DATASET_MEAN, tag.get("std") or open_clip.OPENAI_DATASET_STD
        path, quick_gelu = checked(_tag_file(backbone, pretrained, tag)), bool(tag.get("quick_gelu"))
        return WeightsFile(path=path, quick_gelu=quick_gelu, mean=_per_channel(mean), std=_per_channel(std))
    path = _file(backbone, pretrained)
    facts = facts_of(backbone, path)
    return WeightsFile(
        path=path, quick_gelu=bool(facts.quick_gelu),
        mean=facts.mean or open_clip.OPENAI_DATASET_MEAN, std=facts.std or open_clip.OPENAI_DATASET_STD,
    )  # fmt: skip


def _file(backbone: str, pretrained: str) -> Path:
    """The file of weights that are no tag."""
    if Path(pretrained).suffix in SUFFIXES or os.sep in pretrained or Path(pretrained).is_file():
        return checked(Path(pretrained))
    tags = [*SHIPPED.get(backbone, ()), *open_clip.list_pretrained_tags_by_model(architecture(backbone))]
    hint = nearest(pretrained, tags) if tags else "it has no tags"
    raise UserError(f"{pretrained[:200]!r} is neither a tag of {backbone} nor a file of weights; {hint}")


def _per_channel(values: Sequence[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _tag_file(backbone: str, name: str, tag: dict) -> Path:
    """The cached file of a tag; downloaded when it is missing and its server answers."""
    repository, _, filename = tag.get("hf_hub", "").rpartition("/")
    if repository:
        server = constants.ENDPOINT
        for candidate in (filename,) if filename else _CACHED_NAMES:
            cached = try_to_load_from_cache(repository, candidate)
            if isinstance(cached, str):
                return Path(cached)
    else:
        server = "{0.scheme}://{0.netloc}".format(urlsplit(tag["url"]))
        cached_file = Path("~/.cache/clip").expanduser() / Path(urlsplit(tag["url"]).path).name
        if cached_file.is_file():
            return cached_file
    advice = f"the weights {name!r} of {backbone} are not on this machine, and {server} "
    advice += "{}; give a file instead: pretrained=/path/to/weights.safetensors"
    if not downloads.allowed():
        raise UserError(advice.format("is asked only with --allow-download"))
    if constants.HF_HUB_OFFLINE:
        raise UserError(advice.format("is not asked (HF_HUB_OFFLINE is set)"))
    if reason := _unreachable(server):
        raise UserError(advice.format(f"does not answer ({reason})"))
    try:
        return Path(download_pretrained(tag))
    except (OSError, RuntimeError) as error:
        raise UserError(advice.format(f"did not give them ({str(error).splitlines()[0]})")) from None


def _unreachable(server: str) -> str:
    """Why a server cannot be reached; empty when it answers, be it with an error page."""
    try:
        urllib.request.urlopen(urllib.request.Request(server, method="HEAD"), timeout=_PATIENCE_S).close()
    except urllib.error.HTTPError:
        return ""
    except OSError as error:
        return str(getattr(error, "reason", error))
    return ""
