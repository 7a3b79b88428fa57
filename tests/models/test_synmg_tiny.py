"""The tower that ships: built by name, its tokenizer, its taps, and its committed weights."""

from __future__ import annotations

import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file
from torch.nn.functional import normalize

from fgsgl.data.synmg import compose
from fgsgl.models import synmg_tiny
from fgsgl.models.pretrain.augment import normalise
from fgsgl.models.synmg_tiny.vocabulary import needed_merges, our_words, write_merges
from fgsgl.models.temporal import TemporalTransformer

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


def test_the_tokenizer_splits_our_words_as_clip_does_and_encodes_any_other() -> None:
    synmg_tiny.register()
    ours, clip = open_clip.get_tokenizer(synmg_tiny.NAME), SimpleTokenizer()
    assert all(ours.bpe(word) == clip.bpe(word) for word in compose.words())
    for text in ("suprasternal notch", "zygomatic x-ray über 日本", "antidisestablishmentarianism!"):
        assert ours.decode(ours.encode(text)).strip().replace(" ", "") == text.replace(" ", "")
    tokens_KL = ours(["a short one", "one hand at the collar"])
    assert (tokens_KL.argmax(1) == (tokens_KL == ours.eot_token_id).int().argmax(1)).all()


def test_merges_are_the_few_that_a_word_needs(tmp_path) -> None:
    clip = SimpleTokenizer()
    merges = needed_merges(["suprasternal"], frequent=0)
    assert 0 < len(merges) < 12
    size = write_merges(tmp_path / "merges.txt.gz", merges)
    small = SimpleTokenizer(bpe_path=str(tmp_path / "merges.txt.gz"))
    assert size == small.vocab_size == 512 + len(merges) + 2
    assert small.bpe("suprasternal") == clip.bpe("suprasternal")


def test_every_caption_and_description_fits_the_context(model: torch.nn.Module) -> None:
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    clips = compose.sample(20, seed=5, num_frames=1, size_px=32)
    longest = max(len(tokenizer.encode(text)) for text in (*clips.captions, *compose.class_descriptions()))
    assert longest + 2 <= model.context_length
    assert {"akimbo", "suprasternal", "collar"} <= our_words()


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


def test_the_committed_weights_load_by_path_and_are_those_of_the_card() -> None:
    synmg_tiny.register()
    card = (PACKAGE / "MODEL_CARD.md").read_text(encoding="utf-8")
    for path in (synmg_tiny.weights_path(), synmg_tiny.slim_path(), synmg_tiny.heads_path()):
        assert synmg_tiny.sha256(path) in card, f"{path.name} is not the file that MODEL_CARD.md describes"
    assert synmg_tiny.weights_path().stat().st_size < 12e6
    loaded = open_clip.create_model(synmg_tiny.NAME, pretrained=str(synmg_tiny.weights_path()))
    assert next(loaded.parameters()).dtype == torch.float32


def test_the_committed_tower_tells_the_held_out_captions_apart() -> None:
    """Far above chance (a tenth), with the temporal encoder that it was pretrained with."""
    synmg_tiny.register()
    loaded = open_clip.create_model(synmg_tiny.NAME, pretrained=str(synmg_tiny.weights_path())).eval()
    heads = load_file(synmg_tiny.heads_path())
    temporal = TemporalTransformer(width=128, num_frames=8).eval()
    temporal.load_state_dict(
        {name.removeprefix("temporal."): part.float() for name, part in heads.items() if name.startswith("temporal.")}
    )
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    clips = compose.sample(50, seed=11, num_frames=8, held_out=True)
    with torch.no_grad():
        frame_BTE = loaded.encode_image(normalise(clips.frames_BTHWC)).unflatten(0, (50, -1))
        video_BE = normalize(temporal(frame_BTE), dim=-1)
        text_BE = loaded.encode_text(tokenizer(clips.captions), normalize=True)
    scores_BB = video_BE @ text_BE.T
    rank_B = (scores_BB > scores_BB.diagonal()[:, None]).sum(1)
    assert (rank_B < 5).float().mean() > 0.25
