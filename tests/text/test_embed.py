"""Text vectors from a real (small, random) CLIP text tower, and who is whose positive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor
from torch.nn.functional import normalize

from fgsgl.text.embed import CONTROLS, derangement, exchange, fine_text_CDE, positives_DCC
from fgsgl.text.fgtext import DIMENSIONS, load, shipped
from fgsgl.util.errors import UserError

SMG = load("smg")


@pytest.fixture(scope="module")
def encode() -> Callable[[list[str]], Tensor]:
    """N sentences -> (N, 16)."""
    torch.manual_seed(0)
    tower = TextTransformer(context_length=32, width=32, heads=2, layers=1, output_dim=16).eval()
    tokenizer = SimpleTokenizer(context_length=32)
    return torch.inference_mode()(lambda sentences: tower(tokenizer(sentences)))


def test_it_is_the_normalised_mean_of_normalised_sentences(encode):
    text_CDE = fine_text_CDE(SMG, encode)
    assert text_CDE.shape == (17, 4, 16)
    for c, entry in enumerate(SMG.classes):
        for d, dimension in enumerate(DIMENSIONS):
            vectors = torch.stack([normalize(encode([sentence])[0], dim=0) for sentence in entry.sentences[dimension]])
            torch.testing.assert_close(text_CDE[c, d], normalize(vectors.mean(0), dim=0), rtol=1e-4, atol=1e-5)


def test_each_sentence_is_encoded_once(encode):
    calls: list[list[str]] = []
    fine_text_CDE(SMG, lambda sentences: (calls.append(sentences), encode(sentences))[1])
    assert len(calls) == 1
    assert sorted(calls[0]) == sorted({s for entry in SMG.classes for cell in entry.sentences.values() for s in cell})


@pytest.mark.parametrize("control", ["true", "random"])
def test_the_order_of_classes_and_sentences_does_not_matter(encode, control: str):
    text_CDE = fine_text_CDE(SMG, encode, control=control)
    turned = tuple(
        replace(entry, id=i, sentences={d: cell[::-1] for d, cell in entry.sentences.items()})
        for i, entry in enumerate(reversed(SMG.classes))
    )
    assert torch.equal(fine_text_CDE(replace(SMG, classes=turned), encode, control=control).flip(0), text_CDE)


@pytest.mark.parametrize("control", CONTROLS)
def test_dimensions_are_chosen_and_ordered(encode, control: str):
    all_CDE = fine_text_CDE(SMG, encode, control=control, seed=3)
    some_CDE = fine_text_CDE(SMG, encode, ("outcome", "part"), control, 3)
    torch.testing.assert_close(some_CDE, all_CDE[:, [3, 0]])
    torch.testing.assert_close(some_CDE.norm(dim=-1), torch.ones(17, 2))
    some_DCC = positives_DCC(SMG, ("outcome", "part"), control, 3)
    assert torch.equal(some_DCC, positives_DCC(SMG, control=control, seed=3)[[3, 0]])


@pytest.mark.parametrize("control", CONTROLS)
def test_positives_are_exactly_the_classes_of_one_vector(encode, control: str):
    positive_DCC = positives_DCC(SMG, control=control, seed=1)
    text_DCE = fine_text_CDE(SMG, encode, control=control, seed=1).transpose(0, 1)
    same_DCC = (text_DCE[:, :, None] == text_DCE[:, None]).all(-1)
    assert torch.equal(positive_DCC, same_DCC)
    assert torch.equal(positive_DCC, positive_DCC.transpose(1, 2))
    assert positive_DCC.diagonal(dim1=1, dim2=2).all()
    assert (positive_DCC.sum() > 4 * 17) == (control != "names")


def test_shuffled_text_leaves_no_class_a_sentence_of_its_own():
    """In every dimension of every shipped text; where at most half of the classes share a cell, all are given out."""
    for text in map(load, shipped()):
        same_DCC = positives_DCC(text)
        for seed in range(5):
            for dimension, same_CC in zip(DIMENSIONS, same_DCC, strict=True):
                cells = [frozenset(entry.sentences[dimension]) for entry in text.classes]
                given = exchange(cells, seed, dimension)
                assert not any(own == got for own, got in zip(cells, given, strict=True)), (text.name, dimension)
                assert set(given) <= set(cells)
                if same_CC.sum(1).max() <= len(cells) / 2:
                    assert Counter(given) == Counter(cells)
                assert given != exchange(cells, seed + 5, dimension) or len(set(cells)) == 2


def test_sentences_that_all_or_most_share_are_not_lost():
    one, two, three = (frozenset([word]) for word in ("one", "two", "three"))
    assert exchange([one, one, one], 0, "part") == [one, one, one], "there is nothing to exchange"
    given = exchange([one, one, one, two, three], 3, "part")
    assert one not in given[:3] and given[3] != two and given[4] != three
    assert exchange([one, two, two, one], 0, "part") == [two, one, one, two]
    assert exchange([one, two, three, one], 1, "onset") == exchange([one, two, three, one], 1, "onset")


def test_a_shuffle_is_frozen():
    """A control must be the same everywhere."""
    given = exchange([frozenset([word]) for word in "abcdef"], 0, "outcome")
    assert "".join(min(cell) for cell in given) == "edfacb"


def test_shuffled_vectors_are_those_of_the_cells_handed_out(encode):
    true_CDE, shuffled_CDE = fine_text_CDE(SMG, encode), fine_text_CDE(SMG, encode, control="shuffled", seed=7)
    for d, dimension in enumerate(DIMENSIONS):
        cells = [frozenset(entry.sentences[dimension]) for entry in SMG.classes]
        donors = [cells.index(cell) for cell in exchange(cells, 7, dimension)]
        assert torch.equal(shuffled_CDE[:, d], true_CDE[donors, d])


def test_earlier_records_shuffled_whole_classes(encode):
    true_CDE = fine_text_CDE(SMG, encode)
    shuffled_CDE = fine_text_CDE(SMG, encode, control="shuffled", seed=7, whole_classes=True)
    order = derangement(17, 7)
    assert torch.equal(shuffled_CDE, true_CDE[order])
    true_DCC, shuffled_DCC = positives_DCC(SMG), positives_DCC(SMG, control="shuffled", seed=7, whole_classes=True)
    assert torch.equal(shuffled_DCC, true_DCC[:, order][:, :, order])


def test_random_vectors_hang_on_the_seed_and_the_stage_alone(encode):
    one_CDE = fine_text_CDE(SMG, encode, control="random", seed=0)
    assert torch.equal(one_CDE, fine_text_CDE(SMG, encode, control="random", seed=0))
    assert not torch.isclose(one_CDE, fine_text_CDE(SMG, encode, control="random", seed=1)).all(-1).any()


def test_a_derangement_moves_everything_and_follows_its_seed():
    for n in (2, 3, 17, 52):
        for seed in range(20):
            order = derangement(n, seed)
            assert sorted(order) == list(range(n))
            assert all(i != j for i, j in enumerate(order))
    assert derangement(6, 0) == [5, 2, 0, 4, 3, 1]  # frozen: a shuffled control must be the same everywhere
    assert len({tuple(derangement(17, seed)) for seed in range(20)}) == 20


def test_what_does_not_exist_is_refused(encode):
    with pytest.raises(UserError, match="unknown text control 'shufled'; did you mean shuffled"):
        fine_text_CDE(SMG, encode, control="shufled")
    with pytest.raises(UserError, match="unknown FG-Text dimension 'parts'; did you mean part"):
        positives_DCC(SMG, ("parts",))
    alone = replace(SMG, classes=SMG.classes[:1])
    with pytest.raises(UserError, match="at least 2 classes"):
        positives_DCC(alone, control="shuffled")
