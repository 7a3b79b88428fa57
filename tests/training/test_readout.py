"""Which clips are looked at, what is read out of planted embeddings, and where an untrained FG-SGL looks."""

from collections import Counter

import numpy as np
import pytest
import torch

from fgsgl.models.fgsgl.recognizer import FGSGL
from fgsgl.text import embed, fgtext
from fgsgl.text.fgtext import DIMENSIONS
from fgsgl.training.localisation import CLIPS, read_out, spread

LABELS_N = np.arange(34) % 17


def test_the_clips_are_spread_over_the_classes_and_always_the_same() -> None:
    labels = np.repeat(np.arange(17), 24).tolist()
    kept = spread(labels)
    assert kept == sorted(set(kept)) == spread(labels)
    assert set(Counter(labels[index] for index in kept).values()) == {CLIPS // 17}
    assert kept != list(range(0, 408, 3)), "not by a fixed stride, which may follow the subjects"


def test_a_small_split_is_taken_whole_and_a_rare_class_with_all_it_has() -> None:
    assert spread([3, 1, 1]) == [0, 1, 2]
    rare = [0] * 500 + [1] * 5
    counts = Counter(rare[index] for index in spread(rare))
    assert counts == {0: CLIPS - 5, 1: 5}


@pytest.fixture(scope="module")
def model() -> FGSGL:
    torch.manual_seed(0)
    return FGSGL(num_classes=17, autocast="none", text_control="shuffled", dimensions=["part", "outcome"]).eval()


def test_embeddings_that_are_the_sentences_are_read_out_without_fault(model: FGSGL) -> None:
    given_CDE = model.fine_text_CDE  # another class's sentences
    true_CDE = embed.fine_text_CDE(fgtext.load("smg"), model.tower.encode_text)
    shown = {
        "fine_logits_BDC": torch.einsum("nde,cde->ndc", given_CDE[LABELS_N], given_CDE).numpy(),
        "video_BE": true_CDE[LABELS_N, DIMENSIONS.index("onset")].numpy(),
    }
    found = read_out(model, shown, LABELS_N)
    assert set(found["local"]) == {"part", "outcome"} and set(found["video"]) == set(DIMENSIONS)
    assert all(hits.r1 == 1 for hits in found["local"].values()), "against the sentences that it was trained with"
    assert found["video"]["onset"].r1 == 1 > found["video"]["part"].r1
    stages = {frozenset(entry.sentences["part"]) for entry in fgtext.load("smg").classes}
    assert found["video"]["part"].sentences == len(stages) < 17
    shown["fine_logits_BDC"] = shown["fine_logits_BDC"][::-1]
    assert read_out(model, shown, LABELS_N)["local"]["outcome"].r1 < 0.2


def test_without_sentences_nothing_is_read_out(model: FGSGL) -> None:
    assert read_out(model, {"saliency_BTP": np.zeros((34, 8, 49))}, LABELS_N) is None
