"""Transfer: what names the data to train on, and the table that joins them with those that are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fgsgl.data.audit import audit
from fgsgl.data.clip_table import Clip, ClipTable
from fgsgl.data.joined_table import joined, origin, require_same_classes
from fgsgl.data.regime import Regime
from fgsgl.data.transfer import Source
from fgsgl.records.protocol import default_protocol
from fgsgl.util.errors import UserError

CLASSES = ("bow", "clap", "nod", "wave")
SPLITS = ("train", "val", "test")


def table(root: str, *, dataset: str = "synmg", people: Sequence[str] = ("a", "b", "c"), count: int = 3) -> ClipTable:
    """``count`` clips of each class in every split, each split of one person."""
    clips = [
        Clip(clip_id=f"{person}{label}{number}", video=f"videos/{person}{label}{number}.mp4", start_frame=0,
             end_frame=0, label=label, subject=person, split=split, fps=25.0)
        for person, split in zip(people, SPLITS, strict=True)
        for label in range(len(CLASSES))
        for number in range(count)
    ]  # fmt: skip
    return ClipTable(
        dataset=dataset, root=Path(root), classes=CLASSES, clips=tuple(clips), generated={},
        contents={clip.video: f"{root} {clip.video}" for clip in clips},
    )  # fmt: skip


def released(root: str, people: Sequence[str]) -> ClipTable:
    """A copy of a data set that is not generated."""
    return replace(table(root, dataset="smg", people=people), generated=None)


ONE, OTHER = table("data/one", count=4), table("/elsewhere/other")
JOINED = joined(ONE, OTHER, "synmg one")


def test_training_clips_are_of_one_and_test_clips_of_the_other() -> None:
    assert [len(JOINED.split(split)) for split in SPLITS] == [16, 16, 12]
    for split, part in (("train", ONE), ("val", ONE), ("test", OTHER)):
        for clip, own in zip(JOINED.split(split), part.split(split), strict=True):
            assert origin(JOINED, clip) == (part, own)
            assert JOINED.path(clip) == part.path(own).absolute()
            assert JOINED.contents[clip.video] == part.contents[own.video]
            assert (clip.label, clip.start_frame, clip.end_frame) == (own.label, own.start_frame, own.end_frame)
    assert [clip.clip_id for clip in JOINED.split("test")] == [clip.clip_id for clip in OTHER.split("test")]
    assert (JOINED.root, JOINED.dataset, JOINED.classes) == (OTHER.root, "synmg", CLASSES)


def test_people_of_generated_data_are_others_though_their_names_are_the_same() -> None:
    swapped = joined(table("data/one", people=("c", "a", "b")), OTHER, "synmg one")
    assert {clip.subject for clip in swapped.clips} == {"synmg one/c", "synmg one/a", "c"}
    assert audit(swapped.clips, swapped.contents, None)[:3] == (0, 0, 0)


def test_one_and_the_same_file_on_both_sides_is_counted() -> None:
    tested = OTHER.split("test")[0].video
    trained = {**ONE.contents, ONE.split("train")[0].video: OTHER.contents[tested]}
    found = joined(replace(ONE, contents=trained, generated=None), OTHER, "synmg one")
    assert audit(found.clips, found.contents, None).videos == 1


def test_a_person_or_clip_of_a_release_that_is_trained_on_and_tested_on_is_refused() -> None:
    copies = released("data/one", ("a", "b", "x")), released("data/other", ("y", "z", "c"))
    assert {clip.subject for clip in joined(*copies, "smg").clips} == {"a", "b", "c"}
    with pytest.raises(UserError, match="the clip 'b00' and 11 more of the training data stands in") as error:
        joined(released("data/one", ("a", "b", "x")), released("data/other", ("y", "z", "b")), "smg")
    assert "\n" not in str(error.value)
    renamed = released("data/other", ("y", "z", "b"))
    clips = tuple(replace(clip, clip_id=f"new {clip.clip_id}") for clip in renamed.clips)
    with pytest.raises(UserError, match="the person 'b' of the training data stands in the test split of smg"):
        joined(released("data/one", ("a", "b", "x")), replace(renamed, clips=clips), "smg")


def test_other_classes_are_told_apart_and_said() -> None:
    other = replace(ONE, classes=("bow", "jump", "nod", "sit", "wave"))
    found = joined(other, OTHER, "synmg one")
    assert (found.classes, found.trained_classes) == (CLASSES, other.classes)
    assert found.tests_other_classes and not JOINED.tests_other_classes and not other.tests_other_classes
    assert "trained on 5 and know the 4" in found.caveats[-1] and "3 of these are trained on under" in found.caveats[-1]
    assert found.fingerprint() != JOINED.fingerprint() and "others" not in JOINED.caveats[-1]


def test_what_needs_the_same_classes_is_told_the_first_difference() -> None:
    for classes, says in (
        (CLASSES[:3], "tsn would need .* one has 3, other has 4, and class 3 is none in the first and 'wave' in the"),
        (CLASSES[::-1], "class 0 is 'wave' in the first and 'bow' in the second"),
    ):
        with pytest.raises(UserError, match=says) as error:
            require_same_classes("tsn", classes, CLASSES, "one", "other")
        assert "\n" not in str(error.value)
    require_same_classes("tsn", CLASSES, list(CLASSES), "one", "other")


def test_the_same_data_are_no_transfer() -> None:
    with pytest.raises(UserError, match="are the same; name other data to train on"):
        joined(OTHER, OTHER, "synmg other")


def test_the_fingerprint_follows_the_content_of_both() -> None:
    relabelled = tuple(
        replace(clip, label=1) if clip.split == "train" and clip.label == 0 else clip for clip in ONE.clips
    )
    less = replace(OTHER, clips=OTHER.clips[:-1])
    tables = (JOINED, joined(replace(ONE, clips=relabelled), OTHER, "x"), joined(ONE, less, "x"))
    turned = joined(OTHER, ONE, "x")
    assert len({one.fingerprint() for one in (*tables, turned, ONE, OTHER)}) == 6
    moved = replace(ONE, root=Path("data/moved"))
    assert joined(moved, OTHER, "x").fingerprint() == JOINED.fingerprint()


@pytest.mark.parametrize("regime", [{"unseen": 2, "fold": 1}, {"shots": 2}, {"long_tail": 4.0}])
def test_a_regime_takes_of_the_joined_table_what_it_takes_of_the_training_data(regime: dict) -> None:
    made = Regime(**regime).apply(JOINED, 3)
    alone = Regime(**regime).apply(ONE, 3)
    for split in ("train", "val"):
        assert [origin(made, clip)[1] for clip in made.split(split)] == list(alone.split(split))
    assert made.split("test") == JOINED.split("test") and made.fingerprint() == JOINED.fingerprint()
    assert made.caveats[: len(JOINED.caveats)] == JOINED.caveats
    assert made.caveats[len(JOINED.caveats) :] == alone.caveats


def test_unseen_classes_must_have_test_clips_where_they_are_scored() -> None:
    held = Regime(unseen=2).held_out(CLASSES)
    kept = [clip for clip in OTHER.clips if clip.split != "test" or clip.label not in held]
    without = replace(OTHER, clips=tuple(kept))
    with pytest.raises(UserError, match="has a test clip, so nothing could be scored"):
        Regime(unseen=2).apply(joined(ONE, without, "x"), 0)
    assert len(Regime(unseen=2).apply(joined(without, ONE, "x"), 0).split("test")) == len(ONE.split("test"))


@pytest.mark.parametrize(
    ("given", "whole", "title"),
    [
        ("synmg", "synmg:quick:0", "synmg quick"),
        ("synmg:hard", "synmg:hard:0", "synmg hard"),
        ("synmg:smoke:1", "synmg:smoke:1", "synmg smoke data seed 1"),
    ],
)
def test_data_are_named_in_short_and_kept_in_full(given: str, whole: str, title: str) -> None:
    source = Source.read(given)
    assert (str(source), source.title, Source.of(whole)) == (whole, title, source)
    protocol = default_protocol("synmg", "standard", transfer=given)
    assert protocol.transfer == whole and protocol.training_title == f"trained on {title}"
    assert protocol.hash() == default_protocol("synmg", "standard", transfer=whole).hash()
    assert protocol.hash() != default_protocol("synmg", "standard").hash()
    data = protocol.data_spec(Path("own"), Path("others"))
    assert data.of_split("train").root == data.of_split("val").root == Path("others")
    assert data.of_split("test").root == Path("own") and data.of_split("test").trained_on is None
    with pytest.raises(UserError, match="transfer_root is others, but no other data are trained on"):
        default_protocol("synmg", "standard").data_spec(None, Path("others"))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("synm", "did you mean synmg"),
        ("synmg:smok", "did you mean smoke"),
        ("synmg:", "unknown preset ''"),
        ("synmg:smoke:", "expected DATASET:PRESET:SEED"),
        ("synmg:smoke:x", "expected DATASET:PRESET:SEED"),
        ("synmg:smoke:-1", "expected DATASET:PRESET:SEED"),
        ("synmg:smoke:01", "expected DATASET:PRESET:SEED"),
        ("synmg:smoke:4294967296", "a data seed of 0 to 4294967295"),
        ("synmg:smoke:1:2", "expected DATASET:PRESET:SEED"),
    ],
)
def test_what_names_no_data_is_refused(given: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        default_protocol("synmg", transfer=given)
    assert "\n" not in str(error.value)


def test_a_protocol_holds_the_full_name_alone() -> None:
    with pytest.raises(UserError, match="transfer is 'synmg:hard', expected DATASET:PRESET:SEED"):
        replace(default_protocol("synmg"), transfer="synmg:hard")
    assert replace(default_protocol("synmg"), transfer="gone:all:0").trained_on is not None, "records stay readable"
