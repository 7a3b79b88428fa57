"""SynMG's clips: the same frames on any machine, true masks, and motion that survives encoding."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fgsgl.data.synmg.clips import RenderedClip, plan, render_clip
from fgsgl.data.synmg.presets import PRESETS, get_preset
from fgsgl.data.synmg.programs import CLASSES, frequent_first
from fgsgl.data.video.video_file import read_frames, write_h264
from fgsgl.util.errors import UserError

# Of the first clip of five classes of quick, seed 0, frames before encoding. They change only with SynMG's version.
FRAMES_SHA256 = {
    1: "b613afcef7dda2d36579afe6fbebd9348d5b961494f5b6845cf1aa8349a5a901",
    4: "d1019ae75fef9d89770d3cfae3796e168fcac4451ba8e11a12a2878c7db6be00",
    8: "799aaec1df3ad1518e57d3defb390d3ad9e6150b79c407f59ef31545e25eb2ad",
    15: "4317ad363bee695443ea4c4bb2d5d772f5e3eb3deda3aa3674080ec938e275bc",
    22: "cacc62f040aae0798437eaa75fbef8e123c74562a458d50a22d4ffb984a7f88e",
}


def first(label: int, preset: str = "quick", seed: int = 0) -> RenderedClip:
    settings = PRESETS[preset]
    return render_clip(settings, seed, next(clip for clip in plan(settings, seed) if clip.label == label))


@pytest.mark.parametrize("label", FRAMES_SHA256)
def test_frames_are_the_recorded_ones(label: int) -> None:
    assert first(label).sha256() == FRAMES_SHA256[label]


def test_frames_do_not_depend_on_the_processors_instructions() -> None:
    """Without vector instructions in torch, and with a basic matrix product in NumPy: another machine, as it were."""
    code = (
        "from fgsgl.data.synmg.clips import plan, render_clip; from fgsgl.data.synmg.presets import PRESETS\n"
        "settings = PRESETS['quick']\n"
        "clip = next(clip for clip in plan(settings, 0) if clip.label == 1)\n"
        "import sys; sys.stdout.write(render_clip(settings, 0, clip).sha256())"
    )
    other = os.environ | {"ATEN_CPU_CAPABILITY": "default", "OPENBLAS_CORETYPE": "Nehalem", "OMP_NUM_THREADS": "2"}
    other["MKL_CBWR"] = "COMPATIBLE"  # what MKL does on another maker's processor
    answer = subprocess.run([sys.executable, "-c", code], env=other, capture_output=True, text=True, check=True)
    assert answer.stdout == FRAMES_SHA256[1]


def test_seeds_make_other_people_and_clips() -> None:
    assert first(3).sha256() != first(3, seed=1).sha256()


@pytest.mark.parametrize("name", ["quick", "standard", "hard"])
def test_splits_are_long_tailed_balanced_and_share_nobody(name: str) -> None:
    preset = PRESETS[name]
    clips = plan(preset, 0)
    people = {split: {clip.subject for clip in clips if clip.split == split} for split in ("train", "val", "test")}
    assert tuple(map(len, people.values())) == preset.subjects
    assert not people["train"] & people["val"] and not (people["train"] | people["val"]) & people["test"]
    train = Counter(clip.label for clip in clips if clip.split == "train")
    order = frequent_first()
    assert train[order[0]] / train[order[-1]] == pytest.approx(4, rel=0.05) and preset.tail_ratio == 4
    assert sorted(train.values(), reverse=True) == [train[label] for label in order]
    test = Counter(clip.label for clip in clips if clip.split == "test")
    assert set(test.values()) == {preset.test_per_class}
    assert max(test.values()) / test.total() < 0.15  # the majority floor
    assert len(CLASSES) == 26 == len(train) == len(test)
    assert (len(clips), train.total()) == {"quick": (2301, 1417)}.get(name, (4796, 3028))


def test_the_mask_covers_the_moving_part() -> None:
    """Joints of the moving limb lie on the mask, and the mask is no more than the limb."""
    for label, joints in ((1, (6, 7, 10, 11)), (9, (13, 17)), (0, (3,))):
        clip = first(label, "smoke")
        height, width = clip.mask_THW.shape[1:]
        side = clip.attributes["side"]
        wanted = [joints[: len(joints) // 2], joints[len(joints) // 2 :]][side == "right"] if side != "none" else joints
        for joint in wanted:
            x, y = clip.joints2d_TJ2[:, joint].round().astype(int).T
            seen = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            on_mask = clip.mask_THW[np.flatnonzero(seen), y[seen], x[seen]]
            assert on_mask.mean() > 0.8, (label, joint)
        assert 0.002 < clip.mask_THW.mean() < 0.2


def test_the_truth_tells_when_it_moves() -> None:
    for label in range(len(CLASSES)):
        truth = first(label, "smoke").attributes
        onset, apex, offset = (int(truth[name]) for name in ("onset_frame", "apex_frame", "offset_frame"))
        assert 0 <= onset < apex <= offset < 30
        assert truth["trajectory"] in CLASSES[label].motions
        assert truth["outcome"] in CLASSES[label].places


@pytest.mark.parametrize(("preset", "least"), [("quick", 0.8), ("hard", 0.65)])
def test_motion_of_one_or_two_pixels_survives_encoding(preset: str, least: float, tmp_path: Path) -> None:
    """Frame differences of subtle motions, on the moving part: the same before and after H.264, unlike the noise."""
    settings = get_preset(preset)
    kept, energy, noise = [], [], []
    for clip in [clip for clip in plan(settings, 0) if clip.label in (5, 10, 15)][:5]:
        drawn = render_clip(settings, 0, clip)
        write_h264(tmp_path / "clip.mp4", drawn.frames_THWC, fps=clip.fps, crf=settings.crf)
        decoded = read_frames(tmp_path / "clip.mp4", range(settings.num_frames))
        before, after = (np.diff(x.astype(np.float32).mean(-1), axis=0) for x in (drawn.frames_THWC, decoded))
        span = slice(int(drawn.attributes["apex_frame"]), int(drawn.attributes["offset_frame"]))
        moving, still = drawn.mask_THW[1:][span], ~drawn.mask_THW.any(0)
        kept.append(np.corrcoef(before[span][moving], after[span][moving])[0, 1])
        energy.append(after[span][moving].std() / before[span][moving].std())
        noise.append(after[:, still].std() / before[:, still].std())
    assert np.mean(kept) > least
    assert np.mean(energy) > 0.75
    assert np.mean(noise) < 0.8


def test_rendering_does_not_depend_on_the_preset_object_or_order() -> None:
    settings = PRESETS["smoke"]
    clips = plan(settings, 0)
    alone = render_clip(dataclasses.replace(settings), 0, clips[5])
    render_clip(settings, 0, clips[0])
    assert render_clip(settings, 0, clips[5]).sha256() == alone.sha256()
    assert alone.sha256() == hashlib.sha256(alone.frames_THWC.tobytes()).hexdigest()


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UserError, match=r"quik.*quick"):
        get_preset("quik")
