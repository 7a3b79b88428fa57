"""Weights as people have them: open_clip's, OpenAI's, Hugging Face's, DDP's and MMAction2's files, all read alike."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from fgsgl.methods.tower_models import tower_pretraining
from fgsgl.models.baselines.recognizers import load_backbone
from fgsgl.models.preprocess_clips import ClipPreprocessor
from fgsgl.models.towers import backbones
from fgsgl.models.towers.tower import Tower, build_tower, tower_weights
from fgsgl.models.towers.weights import find_weights
from fgsgl.models.towers.weights_facts import Facts, facts_of
from fgsgl.records.protocol import default_protocol
from fgsgl.util.errors import UserError

NATIVE = "fgsgl-test-native"  # of conftest.py
QUICK = f"{NATIVE}-quickgelu"
HALF = (0.5, 0.5, 0.5)


@pytest.fixture(autouse=True)
def both_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    """open_clip has ``NATIVE`` with both activations, as it has ViT-B-16."""
    monkeypatch.setitem(
        open_clip.factory._MODEL_CONFIGS, QUICK, open_clip.get_model_config(NATIVE) | {"quick_gelu": True}
    )
    monkeypatch.setattr(backbones, "_open_clip_names", lambda: frozenset({NATIVE, QUICK}))


def clip(quick: bool) -> open_clip.CLIP:
    """open_clip's own model with random weights, which every file here is made of."""
    torch.manual_seed(7)
    return open_clip.create_model(QUICK if quick else NATIVE).eval()


def hugging_face(model: open_clip.CLIP) -> dict[str, Tensor]:
    """The names that transformers' CLIPModel gives these weights."""
    found = {}
    for name, value in model.state_dict().items():
        side = "vision_model" if name.startswith("visual.") else "text_model"
        kind = name.rpartition(".")[2]
        if ".resblocks." in name:
            block, _, part = name.partition("resblocks.")[2].partition(".")
            layer = f"{side}.encoder.layers.{block}"
            if "in_proj" in part:
                for letter, third in zip("qkv", value.chunk(3), strict=True):
                    found[f"{layer}.self_attn.{letter}_proj.{part.rpartition('_')[2]}"] = third
                continue
            for ours, theirs in {
                "attn.out_proj": "self_attn.out_proj", "ln_1": "layer_norm1", "ln_2": "layer_norm2",
                "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
            }.items():  # fmt: skip
                if part.startswith(f"{ours}."):
                    found[f"{layer}.{theirs}.{kind}"] = value
        else:
            theirs = {
                "positional_embedding": "text_model.embeddings.position_embedding.weight",
                "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
                "text_projection": "text_projection.weight", "visual.proj": "visual_projection.weight",
                "logit_scale": "logit_scale", "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
                "visual.class_embedding": "vision_model.embeddings.class_embedding",
                "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
                f"ln_final.{kind}": f"text_model.final_layer_norm.{kind}",
                f"visual.ln_pre.{kind}": f"vision_model.pre_layrnorm.{kind}",
                f"visual.ln_post.{kind}": f"vision_model.post_layernorm.{kind}",
            }[name]  # fmt: skip
            found[theirs] = value.T if "projection.weight" in theirs else value
    found["text_model.embeddings.position_ids"] = torch.arange(77)[None]
    return {name: value.contiguous().clone() for name, value in found.items()}


def with_openais_entries(model: open_clip.CLIP) -> dict[str, Tensor]:
    return {
        **model.state_dict(),
        **{name: torch.tensor(32) for name in ("input_resolution", "context_length", "vocab_size")},
    }


def write(kind: str, folder: Path, model: open_clip.CLIP) -> Path:
    """A file of a model's weights as people have it."""
    path = folder / {
        "open_clip": "open_clip_model.safetensors", "checkpoint": "epoch_32.pt", "DDP": "ddp.pt",
        "OpenAI": "ViT.pt", "JIT": "jit.pt", "Hugging Face": "model.safetensors",
        "Hugging Face bin": "pytorch_model.bin",
    }[kind]  # fmt: skip
    if kind == "open_clip":
        save_file(model.state_dict(), path)
    elif kind == "checkpoint":
        torch.save({"epoch": 32, "name": "run", "state_dict": model.state_dict()}, path)
    elif kind == "DDP":
        torch.save({"state_dict": {f"module.{name}": value for name, value in model.state_dict().items()}}, path)
    elif kind == "OpenAI":
        torch.save(with_openais_entries(model), path)
    elif kind == "JIT":
        for name in ("input_resolution", "context_length", "vocab_size"):
            vars(model).pop(name, None)
            model.register_buffer(name, torch.tensor(32))
        traced = torch.jit.trace_module(model, {"encode_image": torch.zeros(1, 3, 32, 32)}, check_trace=False)
        torch.jit.save(traced, path)
    elif kind == "Hugging Face":
        save_file(hugging_face(model), path)
    else:
        torch.save(hugging_face(model), path)
    return path


def same(tower: Tower, model: open_clip.CLIP) -> None:
    """Both towers give the numbers of open_clip's own model."""
    frames_NCHW = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(tower.encode_frames(frames_NCHW, 1)[1], model.encode_image(frames_NCHW))
    tokens = open_clip.get_tokenizer(NATIVE)(["a hand rubs the neck"])
    torch.testing.assert_close(
        tower.encode_text(["a hand rubs the neck"]), model.encode_text(tokens, normalize=True).detach()
    )


@pytest.mark.parametrize("quick", [False, True], ids=["GELU", "QuickGELU"])
@pytest.mark.parametrize("kind", ["open_clip", "checkpoint", "DDP", "JIT", "Hugging Face", "Hugging Face bin"])
def test_every_kind_of_file_gives_the_numbers_of_the_model_it_was_made_of(
    kind: str, quick: bool, tmp_path: Path
) -> None:
    """The name of the backbone tells the activation."""
    model = clip(quick)
    path = write(kind, tmp_path, model)
    tells = QUICK if quick else f"{NATIVE}-gelu"
    same(build_tower(tells, str(path), 32), model)


def test_openais_own_files_are_known_by_their_form(tmp_path: Path) -> None:
    for kind in ("OpenAI", "JIT"):
        model = clip(quick=True)
        path = write(kind, tmp_path, model)
        same(build_tower(NATIVE, str(path), 32), model)
        with pytest.raises(UserError, match=rf"named, but its .* trained with QuickGELU; name the backbone {QUICK}"):
            build_tower(f"{NATIVE}-gelu", str(path), 32)


@pytest.mark.parametrize("folder", ["openai", "quickgelu", "plain"])
def test_the_activation_is_asked_for_and_never_guessed_from_a_name(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir()
    path = write("checkpoint", tmp_path / folder, clip(quick=True))
    with pytest.raises(UserError, match=rf"--backbone {QUICK} if it was .* else --backbone {NATIVE}-gelu") as caught:
        find_weights(NATIVE, str(path))
    assert "\n" not in str(caught.value)
    assert find_weights(QUICK, str(path)).quick_gelu
    assert not find_weights(f"{NATIVE}-gelu", str(path)).quick_gelu


CONFIGS = {
    "open_clip": ("open_clip_config.json", {"model_cfg": {"quick_gelu": True, "embed_dim": 24}}),
    "Hugging Face": (
        "config.json",
        {
            "model_type": "clip",
            "text_config": {"hidden_act": "quick_gelu"},
            "vision_config": {"hidden_act": "quick_gelu"},
        },
    ),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_config_beside_the_file_tells_the_activation(kind: str, tmp_path: Path) -> None:
    name, config = CONFIGS[kind]
    (tmp_path / name).write_text(json.dumps(config))
    model = clip(quick=True)
    path = write(kind, tmp_path, model)
    same(build_tower(NATIVE, str(path), 32), model)
    with pytest.raises(UserError, match=f"{name} says that .* was trained with QuickGELU"):
        find_weights(f"{NATIVE}-gelu", str(path))
    other = path.rename(tmp_path / "mine.safetensors")  # the config need not be of a file with another name
    with pytest.raises(UserError, match="nothing in"):
        find_weights(NATIVE, str(other))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("open_clip_config.json", "{", "cannot be read"),
        ("open_clip_config.json", '{"model_cfg": {"quick_gelu": "yes"}}', "cannot be read"),
        ("open_clip_config.json", '{"model_cfg": {}, "preprocess_cfg": {"mean": [1, 2]}}', "cannot be read"),
        ("config.json", '{"model_type": "siglip"}', "of a 'siglip'"),
        ("config.json", '{"model_type": "clip", "text_config": {"hidden_act": "gelu"}}', "activations"),
        ("config.json", '{"model_type": "clip", "text_config": {"hidden_act": "relu"}}', "activations"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_in_a_line(name: str, content: str, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    path = write("open_clip" if name.startswith("open") else "Hugging Face", tmp_path, clip(quick=False))
    with pytest.raises(UserError, match=told) as caught:
        find_weights(NATIVE, str(path))
    assert "\n" not in str(caught.value)


def test_the_record_says_the_activation_and_other_pixels(tmp_path: Path) -> None:
    path = write("open_clip", tmp_path, clip(quick=False))
    config = {"model_cfg": {}, "preprocess_cfg": {"mean": HALF, "std": HALF}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    protocol = default_protocol("synmg", backbone=NATIVE, pretrained=str(path))
    said = tower_pretraining(protocol, {})
    assert said.startswith(f"{NATIVE}:open_clip_model.safetensors@")
    assert said.endswith("(GELU, mean 0.5 0.5 0.5, std 0.5 0.5 0.5)")


def test_pixels_are_normalised_as_the_weights_expect_them(tmp_path: Path) -> None:
    """Weights with another mean than CLIP's, such as SigLIP's; for CLIP's nothing changes, to the bit."""
    path = write("open_clip", tmp_path, clip(quick=False))
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {}, "preprocess_cfg": {"mean": HALF, "std": HALF}})
    )
    preprocessor = ClipPreprocessor(mean=(122.771, 116.746, 104.094), std=(68.501, 66.632, 70.323))
    before = preprocessor.mean.clone()
    build_tower(NATIVE, None, 32).normalise_pixels(preprocessor)
    assert torch.equal(preprocessor.mean, before)
    build_tower(NATIVE, str(path), 32).normalise_pixels(preprocessor)
    white = [torch.full((4, 32, 32, 3), 255, dtype=torch.uint8)]
    assert torch.allclose(preprocessor({"inputs": white, "data_samples": []})["inputs"], torch.ones(()))


def test_facts_travel_in_a_file_s_metadata(tmp_path: Path) -> None:
    """As an exported recognizer keeps its tower."""
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {"quick_gelu": True}, "preprocess_cfg": {"mean": HALF, "std": HALF}})
    )
    model = clip(quick=True)
    facts, held = tower_weights(NATIVE, str(write("open_clip", tmp_path, model)), 32)
    assert facts == Facts(quick_gelu=True, mean=HALF, std=HALF)
    assert held.keys() == model.state_dict().keys()


class Harmful:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("harmed"),)


def repacked(path: Path, target: Path, changes: Mapping[str, bytes]) -> Path:
    """A TorchScript archive with other content in some of its entries."""
    with zipfile.ZipFile(path) as held, zipfile.ZipFile(target, "w") as archive:
        for entry in held.infolist():
            _, _, name = entry.filename.partition("/")
            archive.writestr(f"x/{name}", changes.get(name, held.read(entry)))
    return target


@pytest.mark.parametrize("harm", ["code", "a class", "cut storage", "cut pickle"])
def test_a_torchscript_file_is_read_and_not_run(harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write("JIT", tmp_path, clip(quick=True))
    with zipfile.ZipFile(path) as archive:
        (pickled,) = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        content = archive.read(pickled)
    changes = {
        "code": {"data.pkl": pickle.dumps(Harmful(), protocol=2)},
        "a class": {"data.pkl": b"cos\nsystem\n(S'touch harmed'\ntR."},
        "cut storage": {"data/0": b"12"},
        "cut pickle": {"data.pkl": content[: len(content) // 2]},
    }[harm]
    with pytest.raises(UserError, match="cannot be read as plain tensors") as caught:
        build_tower(QUICK, str(repacked(path, Path("bad.pt"), changes)), 32)
    assert not Path("harmed").exists() and "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["module.backbone", "backbone", "module", "plain"])
def test_a_backbone_file_of_mmaction2_loads_with_and_without_prefixes(form: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained, fresh = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
    )
    prefix = "" if form == "plain" else f"{form}."
    held = {f"{prefix}{name}": value for name, value in trained.state_dict().items()}
    if "backbone" in form:
        held[f"{prefix.replace('backbone', 'cls_head')}fc.weight"] = torch.zeros(2)
    torch.save({"meta": {}, "state_dict": held}, tmp_path / "w.pth")
    load_backbone(fresh, str(tmp_path / "w.pth"))
    assert all(torch.equal(value, trained.state_dict()[name]) for name, value in fresh.state_dict().items())


def test_a_backbone_without_a_twin_asks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "_open_clip_names", lambda: frozenset({NATIVE}))
    assert facts_of(NATIVE, write("checkpoint", tmp_path, clip(quick=False))) == Facts(quick_gelu=False)


def test_both_spellings_are_names_of_open_clips_real_backbones() -> None:
    backbones.backbone_names.cache_clear()
    assert f"{NATIVE}-gelu" in backbones.backbone_names()
    backbones.backbone_names.cache_clear()


@pytest.mark.parametrize(
    "clip_KHWC",
    [
        torch.rand(4, 32, 32, 3),
        torch.zeros(4, 3, 32, 32, dtype=torch.uint8),
        torch.zeros(3, 32, 32, 3, dtype=torch.uint8),
    ],
    ids=["floats", "channels first", "an odd frame"],
)
def test_a_preprocessor_refuses_what_it_would_normalise_wrongly(clip_KHWC: Tensor) -> None:
    preprocessor = ClipPreprocessor(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    with pytest.raises(UserError, match=r"a clip came as torch\.\w+ of shape \(.*expected torch\.uint8"):
        preprocessor({"inputs": [clip_KHWC], "data_samples": []})
