"""Regimes: which clips they leave, for any table."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.regime import Regime, fold_count, held_out, long_tail_counts, spread
from fgsgl.util.errors import UserError

NAMES = tuple(f"gesture {letter}" for letter in "abcdefghijklmnopq")


def table(counts: dict[int, int] | None = None, subjects: int = 5) -> ClipTable:
    """``counts`` training clips of each class, two validation and two test clips each, by different people."""
    counts = counts or {label: 6 + label for label in range(len(NAMES))}
    clips = []
    for split, people, size in (
        ("train", subjects, counts),
        ("val", 2, dict.fromkeys(counts, 4)),
        ("test", 2, dict.fromkeys(counts, 2)),
    ):
        for label, count in size.items():
            for number in range(count):
                name = f"{split}-{label:02d}-{number:02d}"
                person = f"{split}{number % people}"
                clips.append(
                    Clip(clip_id=name, video=f"{name}.mp4", start_frame=0, end_frame=0, label=label, subject=person,
                         split=split, fps=25.0)
                )  # fmt: skip
    return ClipTable(dataset="synmg", root=Path("data"), classes=NAMES, clips=tuple(clips))


WHOLE = table()


def counts(made: ClipTable, split: str) -> Counter[int]:
    return Counter(clip.label for clip in made.clips if clip.split == split)


@pytest.mark.parametrize("unseen", [1, 2, 4, 5, 8, 15])
def test_folds_are_disjoint_and_cover_the_classes_as_far_as_they_go(unseen: int) -> None:
    folds = [held_out(NAMES, unseen, fold) for fold in range(fold_count(NAMES, unseen))]
    assert len(folds) == len(NAMES) // unseen
    assert all(len(fold) == unseen and fold == tuple(sorted(fold)) for fold in folds)
    assert all(not set(one) & set(other) for one, other in combinations(folds, 2))


def test_folds_follow_from_the_names_and_not_from_their_order() -> None:
    backwards = NAMES[::-1]
    for fold in range(4):
        named = {NAMES[label] for label in held_out(NAMES, 4, fold)}
        assert named == {backwards[label] for label in held_out(backwards, 4, fold)}


def test_no_unseen_clip_is_left_outside_the_test_split() -> None:
    for fold in range(4):
        unseen = set(held_out(NAMES, 4, fold))
        made = Regime(unseen=4, fold=fold).apply(WHOLE, 0)
        for split in ("train", "val"):
            assert set(counts(made, split)) == set(range(len(NAMES))) - unseen
        assert made.split("test") == WHOLE.split("test")
        (said,) = made.caveats
        assert all(NAMES[label] in said for label in unseen)


SHOTS = [1, 2, 3, 4, 8, 12]


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("shots", SHOTS)
def test_shots_are_drawn_in_training_and_validation(shots: int, seed: int) -> None:
    made = Regime(shots=shots).apply(WHOLE, seed)
    for split in ("train", "val"):
        assert counts(made, split) == {label: min(shots, n) for label, n in counts(WHOLE, split).items()}
    assert made.split("test") == WHOLE.split("test")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shots", SHOTS)
def test_subjects_are_spread_and_fewer_shots_are_among_more(shots: int, seed: int) -> None:
    for label in (0, 16):
        own = [clip for clip in WHOLE.clips if clip.split == "train" and clip.label == label]
        people = Counter(clip.subject for clip in spread(own, shots, seed))
        available = Counter(clip.subject for clip in own)
        fullest = max(people.values())
        assert all(people[name] >= min(fullest - 1, available[name]) for name in available)
        assert set(spread(own, shots, seed)) <= set(spread(own, shots + 1, seed))


def test_seeds_draw_other_clips_and_one_seed_the_same() -> None:
    drawn = [
        frozenset(clip.clip_id for clip in Regime(shots=2).apply(WHOLE, seed).split("train")) for seed in range(20)
    ]
    assert len(set(drawn)) == 20
    assert frozenset(clip.clip_id for clip in Regime(shots=2).apply(WHOLE, 3).split("train")) == drawn[3]
    shuffled = replace(WHOLE, clips=WHOLE.clips[::-1])
    assert frozenset(clip.clip_id for clip in Regime(shots=2).apply(shuffled, 3).split("train")) == drawn[3]


def test_each_subject_is_drawn_about_equally_often() -> None:
    own = [clip for clip in WHOLE.clips if clip.split == "train" and clip.label == 16]  # 22 clips of 5 people
    first = Counter(spread(own, 1, seed)[0].subject for seed in range(1000))
    assert len(first) == 5 and max(first.values()) - min(first.values()) < 90  # 200 each, standard deviation 13


def test_a_class_with_fewer_clips_gives_what_it_has_and_the_board_says_so() -> None:
    made = Regime(shots=7).apply(WHOLE, 0)
    assert counts(made, "train")[0] == 6
    assert made.caveats == ("Fewer than 7 training clips, all of which are taken: gesture a (6).",)


@pytest.mark.parametrize("case", range(200))
def test_a_long_tail_takes_what_is_there_and_falls_from_class_to_class(case: int) -> None:
    random = np.random.default_rng(case)
    available = dict(enumerate(random.integers(1, 400, random.integers(2, 30)).tolist()))
    ratio = float(np.exp(random.uniform(0, np.log(200))))
    found = long_tail_counts(available, ratio, case)
    assert all(1 <= found[label] <= available[label] for label in available)
    ordered = [found[label] for label in sorted(available, key=lambda label: -available[label])]
    assert max(ordered) <= ratio * min(ordered) * 1.5 + 1
    assert all(found[one] >= found[other] for one in found for other in found if available[one] > available[other])


@pytest.mark.parametrize("ratio", [1.0, 5.0, 20.0])
def test_a_long_tail_has_the_ratio_that_was_asked_for(ratio: float) -> None:
    made = Regime(long_tail=ratio).apply(table(dict.fromkeys(range(17), 100)), 0)
    found = counts(made, "train")
    assert max(found.values()) / min(found.values()) == pytest.approx(ratio, rel=0.05)
    assert counts(made, "val") == counts(WHOLE, "val")
    assert f"a ratio of {max(found.values()) / min(found.values()):.1f} (asked for: {ratio:g})" in made.caveats[0]
    rarest = {min(counts(Regime(long_tail=5.0).apply(table(dict.fromkeys(range(17), 100)), seed), "train").items(),
                  key=lambda item: item[1])[0] for seed in range(10)}  # fmt: skip
    assert len(rarest) > 3  # of equally frequent classes, the seed says which are rare


def test_regimes_combine_and_keep_the_fingerprint() -> None:
    for regime in (Regime(unseen=3, fold=2), Regime(shots=1), Regime(long_tail=4.0), Regime(unseen=3, shots=2)):
        made = regime.apply(WHOLE, 5)
        assert len(made.clips) < len(WHOLE.clips) and made.classes == WHOLE.classes
        assert made.fingerprint() == WHOLE.fingerprint()
    assert set(counts(made, "train").values()) == {2} and len(counts(made, "train")) == 14
    assert Regime().apply(WHOLE, 5) is WHOLE


@pytest.mark.parametrize(
    ("regime", "says"),
    [
        ({"unseen": 16}, "unseen is 16, but the data have 17 classes; expected at most 15"),
        ({"unseen": 17}, "unseen is 17"),
        ({"unseen": 4, "fold": 4}, r"fold is 4, but 17 classes make 4 disjoint fold\(s\) of 4; expected 0 to 3"),
        ({"fold": 1}, "fold is 1, but no class is held out"),
        ({"long_tail": 0.5}, "long_tail is 0.5, expected the ratio"),
        ({"long_tail": 2.0, "shots": 2}, "give one"),
    ],
)
def test_a_regime_that_cannot_be_is_refused(regime: dict, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        Regime(**regime).apply(WHOLE, 0)
    assert "\n" not in str(error.value)


def test_unseen_classes_without_a_test_clip_are_refused() -> None:
    gone = set(held_out(NAMES, 2, 0))
    clips = tuple(clip for clip in WHOLE.clips if clip.split != "test" or clip.label not in gone)
    with pytest.raises(UserError, match="has a test clip, so nothing could be scored"):
        Regime(unseen=2).apply(replace(WHOLE, clips=clips), 0)
