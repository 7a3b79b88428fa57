"""Small real models: two open_clip backbones, of open_clip's own kind and of timm's, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from mmaction.structures import ActionDataSample

from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.models.towers import synmg_tiny

NATIVE = "fgsgl-test-native"
IMAGE_SIZE = 32
NUM_FRAMES = 2
NUM_CLASSES = 17


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session", autouse=True)
def backbones(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Makes ``NATIVE`` known to open_clip: a CLIP of 3 narrow blocks a tower."""
    synmg_tiny.register()
    config = {
        "embed_dim": 24,
        "vision_cfg": {"image_size": IMAGE_SIZE, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    path = tmp_path_factory.mktemp("open_clip") / f"{NATIVE}.json"
    path.write_text(json.dumps(config))
    open_clip.add_model_config(path)


@pytest.fixture(params=[NATIVE, synmg_tiny.NAME])
def backbone(request: pytest.FixtureRequest) -> str:
    """Each kind of tower in turn."""
    return request.param


@pytest.fixture
def build() -> Callable[..., FGSGL]:
    """Builds the whole recognizer, small, from the same seed each time; settings may be changed."""

    def built(seed: int = 0, **changes: Any) -> FGSGL:
        torch.manual_seed(seed)
        small = {"tower": NATIVE, "pretrained": None, "image_size": IMAGE_SIZE, "num_frames": NUM_FRAMES}
        return FGSGL(**{"num_classes": NUM_CLASSES, "autocast": "none", **small, **changes})

    return built


@pytest.fixture
def clip_BTCHW() -> torch.Tensor:
    """Six random clips."""
    return torch.randn(6, NUM_FRAMES, 3, IMAGE_SIZE, IMAGE_SIZE)


@pytest.fixture
def samples() -> list[ActionDataSample]:
    """The labels of six clips, two of them of one class."""
    return [ActionDataSample().set_gt_label(label) for label in (0, 3, 5, 5, 14, 16)]


@pytest.fixture
def weights_file(tmp_path: Path) -> Path:
    """A weights file that fits ``NATIVE``."""
    from safetensors.torch import save_file

    path = tmp_path / "native.safetensors"
    torch.manual_seed(7)
    save_file(open_clip.create_model(NATIVE).state_dict(), path)
    return path
