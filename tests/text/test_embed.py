"""Text vectors from a real (small, random) CLIP text tower, and who is whose positive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor
from torch.nn.functional import normalize

from fgsgl.data.datasets.synmg import DATASET as SYNMG
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


def test_static_text_says_nothing_of_the_motion_and_fills_as_many_dimensions(encode):
    true_CDE, static_CDE = (fine_text_CDE(SMG, encode, control=name) for name in ("true", "static"))
    part, onset, trajectory, outcome = map(DIMENSIONS.index, ("part", "onset", "trajectory", "outcome"))
    assert torch.equal(static_CDE[:, [part, onset]], true_CDE[:, [part, onset]])
    assert torch.equal(static_CDE[:, [trajectory, outcome]], true_CDE[:, [part, onset]])


def test_shuffled_text_leaves_no_class_a_sentence_of_its_own():
    """In every dimension of every shipped text, although most classes may share a cell."""
    for text in map(load, shipped()):
        for dimension in DIMENSIONS:
            cells = [frozenset(entry.sentences[dimension]) for entry in text.classes]
            drawn = [exchange(cells, seed, dimension) for seed in range(5)]
            for given in drawn:
                assert all(own.isdisjoint(got) for own, got in zip(cells, given, strict=True)), (text.name, dimension)
                assert set(given) == set(cells)
            assert len(set(map(tuple, drawn))) == 5, "each seed draws anew"


@pytest.mark.parametrize("name", shipped())
def test_shuffled_text_keeps_who_shares_a_sentence_with_whom(name: str):
    """Else it would tell classes apart that the true text does not, and the control would be the easier task."""
    text = load(name)
    for seed in range(5):
        assert torch.equal(positives_DCC(text, control="shuffled", seed=seed), positives_DCC(text))


def test_the_classes_of_a_fine_pair_share_shuffled_sentences_where_they_share_true_ones(encode):
    """A fine pair differs in one or two dimensions; in the others its targets are equal."""
    assert SYNMG.fine_pairs is not None
    true_CDE, shuffled_CDE = (fine_text_CDE(load("synmg"), encode, control=name) for name in ("true", "shuffled"))
    for a, b in SYNMG.fine_pairs.pairs:
        shared_D = (true_CDE[a] == true_CDE[b]).all(-1)
        assert shared_D.any() and not shared_D.all()
        assert torch.equal((shuffled_CDE[a] == shuffled_CDE[b]).all(-1), shared_D)


def test_sentences_that_all_share_stay_and_two_cells_change_places():
    one, two, three = (frozenset([word]) for word in ("one", "two", "three"))
    assert exchange([one, one, one], 0, "part") == [one, one, one], "there is no other cell"
    assert exchange([one, two, two, two], 0, "part") == [two, one, one, one]
    given = exchange([one, two, three, one], 1, "onset")
    assert given == exchange([one, two, three, one], 1, "onset")
    assert given[0] == given[3] and set(given) == {one, two, three}
    four = [frozenset([word]) for word in "abcd"]
    assert len({tuple(exchange(four, 0, name)) for name in DIMENSIONS}) > 1, "each dimension is drawn by itself"


def test_a_shuffle_is_frozen():
    """A control must be the same everywhere."""
    given = exchange([frozenset([word]) for word in "abcdef"], 0, "outcome")
    assert "".join(min(cell) for cell in given) == "bcdafe"


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
