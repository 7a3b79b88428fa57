"""The tower that ships: built by name, its tokenizer, its taps, and its committed weights."""

from __future__ import annotations

import gzip

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file

from fgsgl.models.baselines.slim_resnet import SlimResNet
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.temporal import TemporalTransformer
from fgsgl.models.towers.tower import build_tower
from fgsgl.pretraining.augment import normalise
from fgsgl.pretraining.captions import describe_all
from fgsgl.pretraining.facts import agree, as_rows
from fgsgl.pretraining.stills import sitting

PACKAGE = synmg_tiny.weights_path().parent


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    synmg_tiny.register()
    return open_clip.create_model(synmg_tiny.NAME).eval()


def test_registering_survives_other_configs_and_a_second_call(tmp_path) -> None:
    synmg_tiny.register()
    other = (PACKAGE / "config.json").read_text(encoding="utf-8")
    (tmp_path / "another-model.json").write_text(other, encoding="utf-8")
    open_clip.add_model_config(tmp_path)
    synmg_tiny.register()
    assert {synmg_tiny.NAME, "another-model"} <= set(open_clip.list_models())
    assert (
        open_clip.get_tokenizer(synmg_tiny.NAME).vocab_size == open_clip.get_tokenizer(synmg_tiny.NAME).eot_token_id + 1
    )


def test_the_tokenizer_is_clips_with_fewer_merges_and_encodes_any_text() -> None:
    synmg_tiny.register()
    ours, clip = open_clip.get_tokenizer(synmg_tiny.NAME), SimpleTokenizer()
    lines = gzip.decompress(synmg_tiny.merges_path().read_bytes()).decode().split("\n")[1:]
    merges = [tuple(line.split()) for line in lines]
    ranks = [clip.bpe_ranks[merge] for merge in merges]
    assert ranks == sorted(ranks) and len(merges) == ours.vocab_size - 512 - 2
    for word in ("suprasternal", "collar", "thigh", "akimbo", "fingertips", "forehead"):
        assert ours.bpe(word) == clip.bpe(word), word
    for text in ("suprasternal notch", "zygomatic x-ray über 日本", "antidisestablishmentarianism!"):
        assert ours.decode(ours.encode(text)).strip().replace(" ", "") == text.replace(" ", "")
    tokens_KL = ours(["a short one", "one hand at the collar"])
    assert (tokens_KL.argmax(1) == (tokens_KL == ours.eot_token_id).int().argmax(1)).all()


@pytest.mark.parametrize("block", [1, 3, 4])
def test_intermediates_are_those_of_the_plain_forward(model: torch.nn.Module, block: int) -> None:
    frames_NCHW = torch.randn(2, 3, 112, 112)
    seen = {}
    trunk = model.visual.trunk
    handle = trunk.blocks[block - 1].register_forward_hook(lambda _module, _inputs, output: seen.update(tokens=output))
    with torch.no_grad():
        plain_NE = model.visual(frames_NCHW)
        handle.remove()
        found = model.visual.forward_intermediates(
            frames_NCHW, indices=[block - 1], output_fmt="NLC", output_extra_tokens=True
        )
    assert torch.equal(found["image_features"], plain_NE)
    assert torch.equal(found["image_intermediates"][0], seen["tokens"][:, 1:])
    assert torch.equal(found["image_intermediates_prefix"][0], seen["tokens"][:, :1])
    assert found["image_intermediates"][0].shape == (2, 49, trunk.embed_dim)


def test_a_frame_does_not_depend_on_its_batch_or_on_training_mode(model: torch.nn.Module) -> None:
    frames_NCHW = torch.randn(3, 3, 112, 112)
    with torch.no_grad():
        alone_NE = model.visual(frames_NCHW[:1])
        trained_NE = model.train().visual(frames_NCHW)
    model.eval()
    torch.testing.assert_close(trained_NE[:1], alone_NE, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("card", "paths"),
    [
        ("MODEL_CARD.md", [synmg_tiny.weights_path(), synmg_tiny.slim_path()]),
        ("MOTION_CARD.md", [synmg_tiny.weights_path(synmg_tiny.MOTION_NAME), synmg_tiny.motion_temporal_path()]),
    ],
)
def test_the_committed_weights_are_those_of_their_card(card: str, paths: list) -> None:
    text = (PACKAGE / card).read_text(encoding="utf-8")
    for path in paths:
        assert synmg_tiny.sha256(path) in text, f"{path.name} is not the file that {card} describes"
    assert sum(path.stat().st_size for path in paths) < 6.5e6


def test_only_the_tower_that_has_seen_motions_brings_a_temporal_encoder() -> None:
    still, motion = (build_tower(synmg_tiny.NAME, name, 112) for name in (synmg_tiny.NAME, synmg_tiny.MOTION_NAME))
    assert still.temporal is None
    temporal = TemporalTransformer(width=128, num_frames=8)
    temporal.start_from(motion.temporal)
    assert torch.equal(temporal.time_TM, load_file(synmg_tiny.motion_temporal_path())["time_TM"].float())
    assert still.identity != motion.identity


def test_the_card_counts_merges_and_parameters(model: torch.nn.Module) -> None:
    card = (PACKAGE / "MODEL_CARD.md").read_text(encoding="utf-8")
    merges = open_clip.get_tokenizer(synmg_tiny.NAME).vocab_size - 512 - 2
    assert f"cut down to {merges} of" in card

    def millions(module: torch.nn.Module) -> float:
        return sum(value.numel() for value in module.parameters()) / 1e6

    assert f"{millions(model):.1f} M parameters. Visual tower ({millions(model.visual):.2f} M)" in card
    assert f"({millions(SlimResNet()):.1f} M parameters)" in card
    trunk = model.visual.trunk
    assert (len(trunk.blocks), trunk.embed_dim, trunk.blocks[0].attn.num_heads) == (4, 128, 4)
    assert (model.context_length, model.transformer.layers, model.transformer.width) == (56, 2, 128)


def test_the_committed_tower_tells_captions_of_people_it_never_saw_apart() -> None:
    """Far above chance (1 in 50), on held-out pairs of hand places; so does nothing that only guesses the shirt."""
    synmg_tiny.register()
    loaded = open_clip.create_model(synmg_tiny.NAME, pretrained=str(synmg_tiny.weights_path())).eval()
    shown, rng = [sitting(number, 11, held_out=True) for number in range(50)], np.random.default_rng(0)
    facts = [stills.facts[0] for stills in shown]
    captions = [describe_all(one, rng) for one in facts]
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    with torch.no_grad():
        frames_NCHW = normalise(torch.stack([stills.frames_NHWC[0] for stills in shown]))
        picture_NE = loaded.encode_image(frames_NCHW, normalize=True)
        caption_CE = loaded.encode_text(tokenizer([caption.text for caption in captions]), normalize=True)
    true_CN = agree(as_rows([caption.says for caption in captions]), as_rows([one.statements() for one in facts]))
    found_N = (picture_NE @ caption_CE.T).argmax(1)
    assert true_CN[found_N, torch.arange(50)].mean() > 0.6
