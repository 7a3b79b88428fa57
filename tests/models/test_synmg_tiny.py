"""The tower that ships: built by name, its tokenizer, its taps, and its committed weights."""

from __future__ import annotations

from functools import cache

import numpy as np
import open_clip
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from safetensors.torch import load_file
from torch.nn.functional import normalize

from fgsgl.data.synmg.programs import UPRIGHT, part_for
from fgsgl.models.baselines.slim_resnet import SlimResNet
from fgsgl.models.towers import synmg_tiny
from fgsgl.models.towers.temporal import TemporalTransformer
from fgsgl.pretraining import captions, compositions
from fgsgl.pretraining.augment import normalise
from fgsgl.pretraining.caption_bank import Told
from fgsgl.pretraining.vocabulary import BYTES, needed_merges, our_words, write_merges

PACKAGE = synmg_tiny.weights_path().parent
TOLD = [Told(program, returns=True) for program in compositions.held_out()]


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
    assert all(ours.bpe(word) == clip.bpe(word) for word in compositions.words())
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


def test_the_longest_caption_sentence_and_description_fit_the_context(model: torch.nn.Module) -> None:
    """Every template with the longest words for every motion, in any number of hands, from the longest onset."""
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    length = cache(lambda text: len(tokenizer.encode(text)) + 2)  # with start and end
    longest = {
        dimension: {value: max(phrases, key=length) for value, phrases in table.items()}
        for dimension, table in captions._PHRASES.items()
    }
    end = max((end for ends in captions._ENDS.values() for end in ends), key=length)
    onset = max(longest["onset"].values(), key=length)
    texts = list(compositions.class_descriptions())
    for limb, keys in compositions.free_keys().items():
        for place, motion in keys:
            outcome = UPRIGHT if limb == "body" else place
            for part in [place] if limb == "body" else {part_for(count, limb, motion) for count in (1, 2)}:
                words = {"part": longest["part"][part], "onset": onset, "trajectory": longest["trajectory"][motion]}
                words |= {"outcome": longest["outcome"][outcome], "end": end}
                templates = (*captions._CAPTIONS, *captions._IN_PLACE, *captions._SHORT)
                texts += [template.format(**words) for template in templates]
    for dimension, templates in captions._SENTENCES.items():
        for value, phrase in longest[dimension].items():
            moves = max(captions._MOVES[value], key=length) if dimension == "trajectory" else ""
            texts += [template.format(**{dimension: phrase, "end": end, "moves": moves}) for template in templates]
    found = max(texts, key=length)
    assert length(found) <= model.context_length, found
    drawn = [captions.describe(*clip, np.random.default_rng(0)) for clip in TOLD]
    assert max(map(length, drawn)) <= length(found)
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
    paths = (synmg_tiny.weights_path(), synmg_tiny.slim_path(), synmg_tiny.temporal_path())
    for path in paths:
        assert synmg_tiny.sha256(path) in card, f"{path.name} is not the file that MODEL_CARD.md describes"
    assert sum(path.stat().st_size for path in paths) < 8e6
    loaded = open_clip.create_model(synmg_tiny.NAME, pretrained=str(synmg_tiny.weights_path()))
    assert next(loaded.parameters()).dtype == torch.float32


def test_the_card_counts_merges_and_parameters(model: torch.nn.Module) -> None:
    card = (PACKAGE / "MODEL_CARD.md").read_text(encoding="utf-8")
    merges = open_clip.get_tokenizer(synmg_tiny.NAME).vocab_size - BYTES - 2
    assert f"cut down to {merges} of" in card

    def millions(module: torch.nn.Module) -> float:
        return sum(value.numel() for value in module.parameters()) / 1e6

    assert f"{millions(model):.1f} M parameters. Visual tower ({millions(model.visual):.2f} M)" in card
    assert f"({millions(TemporalTransformer(width=128, num_frames=8)):.2f} M parameters, 8 frames)" in card
    assert f"({millions(SlimResNet()):.1f} M parameters)" in card
    trunk = model.visual.trunk
    assert (len(trunk.blocks), trunk.embed_dim, trunk.blocks[0].attn.num_heads) == (4, 128, 4)
    assert (model.context_length, model.transformer.layers, model.transformer.width) == (56, 2, 128)


def test_the_committed_tower_tells_the_held_out_captions_apart() -> None:
    """Far above chance (a tenth), with the temporal encoder that it was pretrained with."""
    synmg_tiny.register()
    loaded = open_clip.create_model(synmg_tiny.NAME, pretrained=str(synmg_tiny.weights_path())).eval()
    temporal = TemporalTransformer(width=128, num_frames=8).eval()
    temporal.start_from(load_file(synmg_tiny.temporal_path()))
    tokenizer = open_clip.get_tokenizer(synmg_tiny.NAME)
    clips, rng = compositions.sample(50, seed=11, num_frames=8, held_out=True), np.random.default_rng(0)
    told = [Told(program, returns) for program, returns in zip(clips.programs, clips.returns, strict=True)]
    with torch.no_grad():
        frame_BTE = loaded.encode_image(normalise(clips.frames_BTHWC)).unflatten(0, (50, -1))
        video_BE = normalize(temporal(frame_BTE), dim=-1)
        text_BE = loaded.encode_text(tokenizer([captions.describe(*clip, rng) for clip in told]), normalize=True)
    scores_BB = video_BE @ text_BE.T
    rank_B = (scores_BB > scores_BB.diagonal()[:, None]).sum(1)
    assert (rank_B < 5).float().mean() > 0.6
