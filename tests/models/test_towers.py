import pickle
import socket
import zipfile
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from fgsgl.models.towers import synmg_tiny, weights
from fgsgl.models.towers.lora import add_lora
from fgsgl.models.towers.tower import build_tower
from fgsgl.models.towers.weights import find_weights
from fgsgl.util import downloads
from fgsgl.util.errors import UserError

NATIVE = "fgsgl-test-native"  # of conftest.py


def test_taps_and_the_frame_embedding_come_from_one_pass(backbone: str) -> None:
    tower = build_tower(backbone, None, 32)
    frames_NCHW = torch.randn(2, 3, 32, 32)
    last = tower.tap_block("late")
    assert last == tower.depth
    assert [tower.tap_block(tap) for tap in ("early", "middle")] == [1, 2 if backbone == NATIVE else 3]
    mid_NPW, frame_NE = tower.encode_frames(frames_NCHW, 1)
    torch.testing.assert_close(frame_NE, tower.visual(frames_NCHW))
    assert mid_NPW.shape[:2] == (2, 4)
    assert not torch.allclose(mid_NPW, tower.encode_frames(frames_NCHW, last)[0])
    with pytest.raises(UserError, match="beyond the last block"):
        tower.tap_block(tower.depth + 1)


def test_the_tap_is_what_the_block_gives(backbone: str) -> None:
    tower = build_tower(backbone, None, 32)
    blocks = tower.visual.transformer.resblocks if backbone == NATIVE else tower.visual.trunk.blocks
    kept = []
    blocks[1].register_forward_hook(lambda module, inputs, output: kept.append(output))
    mid_NPW, _ = tower.encode_frames(torch.randn(2, 3, 32, 32), 2)
    torch.testing.assert_close(mid_NPW, kept[0][:, 1:])  # without the class token


def test_the_last_block_alone_for_the_class_token_gives_the_same_frames_and_gradients(backbone: str) -> None:
    tower = build_tower(backbone, None, 32)
    add_lora(tower.visual, 4, 8.0, ("q", "k", "v", "o", "mlp"))
    for name, parameter in tower.visual.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    trained = [parameter for parameter in tower.visual.parameters() if parameter.requires_grad]
    frames_NCHW = torch.randn(5, 3, 32, 32, requires_grad=True)
    found = {}
    for tap in (1, tower.depth):  # the last block's patch tokens are read, or not
        _, frame_NE = tower.encode_frames(frames_NCHW, tap)
        found[tap] = [frame_NE, *torch.autograd.grad(frame_NE.square().sum(), [frames_NCHW, *trained])]
    for short, whole in zip(*found.values(), strict=True):
        torch.testing.assert_close(short, whole, rtol=1e-4, atol=1e-5)
    lengths = []
    last = (tower.visual.transformer.resblocks if backbone == NATIVE else tower.visual.trunk.blocks)[-1]
    last.register_forward_hook(lambda module, inputs, output: lengths.append(output.shape[1]))
    tower.encode_frames(frames_NCHW, 1)
    tower.encode_frames(frames_NCHW, tower.depth)
    assert lengths == [1, 5]


def test_text_equals_open_clips_and_too_long_text_is_refused(backbone: str) -> None:
    tower = build_tower(backbone, None, 32)
    texts = ["a hand rubs the neck", "both arms folded"]
    text_NE = tower.encode_text(texts)
    tokens = open_clip.get_tokenizer(backbone)(texts)
    torch.testing.assert_close(text_NE, tower.text.encode_text(tokens, normalize=True))
    torch.testing.assert_close(tower.encode_text(texts[1:]), text_NE[1:])
    with pytest.raises(UserError, match="shorten it"):
        tower.encode_text(["hand " * 80])


@pytest.mark.parametrize("count", [1, 4, 7])
def test_context_of_the_words_themselves_gives_the_plain_text(backbone: str, count: int) -> None:
    tower = build_tower(backbone, None, 32)
    words = ["a", "video", "of", "a", "person"]
    repeated = (words * 2)[:count]
    tokens_CL = tower.tokens_after_context(count, ["neck", "shirt collar"])
    with_context = tower.encode_text_with_context(tower.first_context(count), tokens_CL)
    plain = tower.encode_text([" ".join([*repeated, name]) for name in ("neck", "shirt collar")])
    torch.testing.assert_close(with_context, plain)


def test_everything_is_frozen_and_text_can_be_dropped(backbone: str) -> None:
    tower = build_tower(backbone, None, 32).train()
    assert not tower.training
    assert not any(parameter.requires_grad for parameter in tower.parameters())
    before = sum(parameter.numel() for parameter in tower.parameters())
    tower.drop_text()
    assert 0 < sum(parameter.numel() for parameter in tower.parameters()) < before
    assert sum(p.numel() for p in tower.parameters()) == sum(p.numel() for p in tower.visual.parameters())


def test_custom_text_clip_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    custom = {**open_clip.get_model_config(NATIVE), "custom_text": True}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "fgsgl-test-custom", custom)
    tower = build_tower("fgsgl-test-custom", None, 32)
    assert type(tower.text).__name__ == "CustomTextCLIP"
    context = tower.first_context(2)
    tokens_CL = tower.tokens_after_context(len(context), ["neck"])
    found_CE = tower.encode_text_with_context(context, tokens_CL)
    torch.testing.assert_close(found_CE, tower.encode_text(["a video neck"]))


def test_identity_follows_the_content_not_the_file(weights_file: Path, tmp_path: Path) -> None:
    assert build_tower(NATIVE, None, 32).identity == build_tower(NATIVE, None, 32).identity
    copied = tmp_path / "copy.pt"
    torch.save({"state_dict": load_file(weights_file)}, copied)
    assert build_tower(NATIVE, str(weights_file), 32).identity == build_tower(NATIVE, str(copied), 32).identity
    changed = load_file(weights_file)
    changed["visual.proj"][0, 0] += 1e-3
    save_file(changed, tmp_path / "changed.safetensors")
    other = build_tower(NATIVE, str(tmp_path / "changed.safetensors"), 32)
    assert other.identity != build_tower(NATIVE, str(weights_file), 32).identity


def test_another_image_size_interpolates_the_positions(weights_file: Path) -> None:
    tower = build_tower(NATIVE, str(weights_file), 64)
    assert tower.encode_frames(torch.zeros(1, 3, 64, 64), 1)[0].shape[1] == 16


@pytest.mark.parametrize(
    ("backbone", "pretrained", "told"),
    [
        ("ViT-B-61", None, "did you mean ViT-B-16"),
        ("RN50", None, "no transformer"),
        (NATIVE, "missing/file.pt", "no weights at missing/file.pt"),
        (NATIVE, "file.safetensors", "no weights at file.safetensors"),
        ("ViT-B-32", "laion2b_s34b_b79", "laion2b_s34b_b79k"),
        (NATIVE, "openai", "has no tags"),
    ],
)
def test_what_is_not_there_is_named_without_asking_the_network(
    backbone: str, pretrained: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **more: asked.append(place) or [])
    with pytest.raises(UserError, match=told) as caught:
        build_tower(backbone, pretrained, 32)
    assert "\n" not in str(caught.value) and not asked


def test_weights_of_another_model_are_refused(weights_file: Path) -> None:
    with pytest.raises(UserError, match=f"do not fit the backbone {synmg_tiny.NAME}") as caught:
        build_tower(synmg_tiny.NAME, str(weights_file), 112)
    assert "\n" not in str(caught.value)


class Harmful:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("harmed"),)


def test_files_that_could_run_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Harmful()}, "pickle.pt")
    with pytest.raises(UserError, match="would run code"):
        build_tower(NATIVE, "pickle.pt", 32)
    assert not Path("harmed").exists()
    with zipfile.ZipFile("script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
        archive.writestr("script/data.pkl", pickle.dumps(Harmful()))
    with pytest.raises(UserError, match=r"TorchScript archive script\.pt cannot be read as plain tensors"):
        build_tower(NATIVE, "script.pt", 32)
    assert not Path("harmed").exists()
    Path("broken.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with pytest.raises(UserError, match="plain tensors"):
        build_tower(NATIVE, "broken.safetensors", 32)
    Path("weights.npz").write_bytes(b"")
    with pytest.raises(UserError, match="unknown kind"):
        build_tower(NATIVE, "./weights.npz", 32)


def test_a_tag_without_a_network_is_asked_for_once_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights.constants, "ENDPOINT", "http://127.0.0.1:9")  # a port where nobody listens
    monkeypatch.setenv(downloads.ALLOWED, "1")
    asked, connect = [], socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda place, *more, **named: asked.append(place) or connect(place, *more, **named)
    )
    with pytest.raises(UserError, match=r"does not answer .*pretrained=/path/to/weights.safetensors"):
        find_weights("ViT-B-16", "openai")
    monkeypatch.setattr(weights.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        find_weights("ViT-B-16", "openai")
    monkeypatch.delenv(downloads.ALLOWED)
    with pytest.raises(UserError, match="asked only with --allow-download"):
        find_weights("ViT-B-16", "openai")
    assert len(asked) == 1


@pytest.mark.parametrize("backbone", ["hf-hub:evil/model", "local-dir:folder", "hf-hub:", "x\x1b:y"])
def test_a_backbone_from_elsewhere_is_refused(backbone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **more: pytest.fail("it asked the network"))
    with pytest.raises(UserError, match="would be loaded from elsewhere"):
        build_tower(backbone, None, 32)


def harmed(weights_file: Path, harm: str) -> Path:
    held = load_file(weights_file)
    name, other = "visual.conv1.weight", "positional_embedding"
    if harm in ("nan", "inf", "-inf"):
        held[name].view(-1)[-1] = float(harm)
    elif harm == "nothing":
        held = {}
    elif harm == "longer text":
        held[other] = torch.zeros(len(held[other]) + 3, held[other].shape[1])
    elif harm == "wider":
        held[name] = torch.zeros(len(held[name]), 3, 16, 17)
    path = weights_file.with_name("harmed.safetensors")
    save_file(held, path, metadata={"format": "\x1b[2J[/x]", "x": "<b>" * 1000})
    return path


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("nan", "not finite in 'visual.conv1.weight'"),
        ("inf", "not finite in 'visual.conv1.weight'"),
        ("-inf", "not finite in 'visual.conv1.weight'"),
        ("nothing", "hold no tensors"),
        ("longer text", "'positional_embedding' has shape"),
        ("wider", "do not fit"),
    ],
)
def test_weights_that_would_give_wrong_numbers_are_refused(weights_file: Path, harm: str, told: str) -> None:
    with pytest.raises(UserError, match=told) as caught:
        build_tower(NATIVE, str(harmed(weights_file, harm)), 32)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content", [{"a": 1}, {}, [torch.ones(1)], {"state_dict": {1: torch.ones(1)}}, "text"], ids=str
)
def test_a_file_without_tensors_is_no_weights(tmp_path: Path, content: object) -> None:
    path = tmp_path / "w.pt"
    torch.save(content, path)
    with pytest.raises(UserError, match=r"w\.pt") as caught:
        build_tower(NATIVE, str(path), 32)
    assert str(caught.value).isprintable()


def test_weights_without_a_name_are_refused() -> None:
    with pytest.raises(UserError, match="'' is neither a tag"):
        build_tower(NATIVE, "", 32)


def test_a_cached_tag_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "models--timm--vit_base_patch16_clip_224.openai"
    (folder / "snapshots/abc").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("abc")
    (folder / "snapshots/abc/open_clip_model.safetensors").write_bytes(b"weights")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(weights.constants, "HF_HUB_CACHE", str(tmp_path))
    found = find_weights("ViT-B-16", "openai")
    assert found.path.read_bytes() == b"weights"
    assert found.quick_gelu
