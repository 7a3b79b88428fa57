"""The plan of a preset and seed, and the rendering of one clip: frames, joints, mask, attributes.

A clip depends only on SynMG's version, the preset, the seed and its id, not on what else is rendered.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

import numpy as np

from fgsgl.data.clip_table import Clip, Split, labels_of
from fgsgl.data.synmg.body import draw_subject
from fgsgl.data.synmg.motion import Pose, animate
from fgsgl.data.synmg.presets import Preset
from fgsgl.data.synmg.programs import CLASSES, frequent_first
from fgsgl.data.synmg.randomness import stream
from fgsgl.data.synmg.scene import Scene, draw_class_program, draw_scene

TRUTH_COLUMNS = (
    "part", "onset", "trajectory", "outcome", "side", "onset_frame", "apex_frame", "offset_frame", "confounder",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderedClip:
    """A rendered clip with its true joints and attributes. T frames, J = 25 joints."""

    frames_THWC: np.ndarray
    """uint8 RGB"""
    joints3d_TJ3: np.ndarray
    """float32, metres, world axes (see body.py)"""
    joints2d_TJ2: np.ndarray
    """float32, pixels"""
    mask_THW: np.ndarray
    """bool: where the moving part is visible"""
    attributes: dict[str, str]
    """The clip's row of truth.csv, by column, without its id."""

    def sha256(self) -> str:
        """Hash of the frames before encoding."""
        return hashlib.sha256(self.frames_THWC.tobytes()).hexdigest()


def video_name(clip_id: str) -> str:
    """The path of a clip's video in a SynMG folder."""
    return f"videos/{clip_id}.mp4"


@functools.cache
def plan(preset: Preset, seed: int) -> tuple[Clip, ...]:
    """The clip table of a preset and seed: long-tailed training classes, balanced validation and test classes."""
    classes = frequent_first()
    falls = [preset.tail_ratio ** (-rank / (len(classes) - 1)) for rank in range(len(classes))]
    train = {label: round(preset.most_frequent * fall) for label, fall in zip(classes, falls, strict=True)}
    counts: dict[Split, dict[int, int]] = {
        "train": train,
        "val": dict.fromkeys(train, preset.val_per_class),
        "test": dict.fromkeys(train, preset.test_per_class),
    }
    clips, first = [], 0
    for (split, wanted), people in zip(counts.items(), preset.subjects, strict=True):
        labels = [label for label in sorted(wanted) for _ in range(wanted[label])]
        order = stream(preset.name, seed, "plan", split).random(len(labels)).argsort(kind="stable")
        for number, position in enumerate(order):
            subject = f"s{first + number % people:02d}"
            clip_id = f"{subject}_c{number // people:03d}"
            clips.append(
                Clip(
                    clip_id=clip_id, video=video_name(clip_id), start_frame=0, end_frame=preset.num_frames,
                    label=labels[position], subject=subject, split=split, fps=float(preset.fps),
                )
            )  # fmt: skip
        first += people
    return tuple(clips)


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnClip:
    """A clip of the plan before it is rendered."""

    scene: Scene
    pose: Pose
    """At every frame."""
    rng: np.random.Generator
    """The clip's stream, from which its light is drawn next."""


def draw_clip(preset: Preset, seed: int, clip: Clip) -> DrawnClip:
    """The motion of one clip of the plan: a thousandth of the work of rendering it."""
    subject = draw_subject(preset.name, seed, "subject", clip.subject)
    rng = stream(preset.name, seed, "clip", clip.clip_id)
    [label] = labels_of([clip])
    class_program = CLASSES[label]
    program = draw_class_program(class_program, subject, rng)
    keeps_onset = bool(class_program.onsets)
    scene = draw_scene(program, subject, preset.difficulty, preset.seconds, rng, keeps_onset=keeps_onset)
    return DrawnClip(scene=scene, pose=animate(scene, np.arange(preset.num_frames) / preset.fps), rng=rng)


def render_clip(preset: Preset, seed: int, clip: Clip, device: str = "cpu") -> RenderedClip:
    """Renders one clip of the plan."""
    # Here, since torch takes longer to import than a data set that is complete takes to open.
    from fgsgl.data.synmg.render import draw_light, project, render

    motion = draw_clip(preset, seed, clip)
    scene, pose, difficulty = motion.scene, motion.pose, preset.difficulty
    drawn = render(
        scene,
        pose,
        draw_light(difficulty.noise_grey, motion.rng),
        stream(preset.name, seed, "noise", clip.clip_id),
        size_px=preset.size_px,
        clutter=difficulty.clutter,
        device=device,
        with_mask=True,
    )
    assert drawn.mask_THW is not None  # asked for above
    pixels = project(pose.joints_TJ3, scene.camera, 0.5 * scene.subject.torso_m, preset.size_px)
    return RenderedClip(
        frames_THWC=drawn.frames_THWC.cpu().numpy(),
        joints3d_TJ3=pose.joints_TJ3.astype(np.float32),
        joints2d_TJ2=pixels[..., :2].astype(np.float32),
        mask_THW=drawn.mask_THW.cpu().numpy(),
        attributes=_attributes(scene, preset),
    )


def _attributes(scene: Scene, preset: Preset) -> dict[str, str]:
    program = scene.program
    end_s = scene.end_s if scene.returns else scene.arrive_s if program.trajectory == "hold" else scene.leave_s
    onset, apex, offset = (
        min(preset.num_frames - 1, round(at_s * preset.fps)) for at_s in (scene.start_s, scene.arrive_s, end_s)
    )
    side = (
        "none" if not scene.sides else "both" if len(scene.sides) == 2 else "left" if scene.sides[0] == 1 else "right"
    )
    values = (
        program.part, program.onset, program.trajectory, program.outcome, side, onset, apex, offset,
        "+".join(scene.confounders) or "none",
    )  # fmt: skip
    return dict(zip(TRUTH_COLUMNS, map(str, values), strict=True))
