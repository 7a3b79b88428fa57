"""Mock copies of the released data sets: their layouts, with small generated videos and rows as odd as real ones."""

from __future__ import annotations

import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np

from fgsgl.data.video.video_file import write_h264


def video(path: Path, frames: int, seed: int, side: int = 64) -> None:
    """A bright square that walks over noise; H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encoded(frames, seed, side))


@functools.cache
def _encoded(frames: int, seed: int, side: int) -> bytes:
    random = np.random.default_rng(seed)
    frames_THWC = random.integers(0, 60, (frames, side, side, 3), dtype=np.uint8)
    step = random.integers(1, 4)
    for frame in range(frames):
        x = int(frame * step) % (side - 12)
        frames_THWC[frame, 20:32, x : x + 12] = 200
    with tempfile.TemporaryDirectory() as folder:
        write_h264(Path(folder) / "video.mp4", frames_THWC, fps=25)
        return (Path(folder) / "video.mp4").read_bytes()


def smg(root: Path) -> Path:
    """The release: six recordings, one of validation and two of the test; a blank line and Windows line ends among the
    rows."""
    for index, number in enumerate((1, 2, 3, 31, 36, 40)):
        sample = f"Sample{number:04d}"
        folder = root / sample
        video(folder / f"{sample}_color.mp4", 120, number)
        rows = [f"{1 + (3 * index + k) % 17},{12 * k},{12 * k + 11}" for k in range(9)]
        (folder / f"{sample}_finelabels.csv").write_bytes("\r\n".join([*rows[:4], "", *rows[4:], ""]).encode())
        (folder / f"{sample}_data.csv").write_text("120,28,4000\n")
        joints_TV = np.arange(120)[:, None] + np.arange(25 * 11) / 1000
        np.savetxt(folder / f"{sample}_skeleton.csv", joints_TV, delimiter=",", fmt="%.3f")
    return root


def smg_miga(root: Path) -> Path:
    """The MiGA challenge's tree of the same recordings: videos apart from tables, in folders of phases and splits."""
    for folder in sorted(smg(root).iterdir()):
        number = int(folder.name.removeprefix("Sample"))
        split, phase = ("test", 2) if number > 35 else ("validate", 1) if number > 30 else ("train", 1)
        videos = root / f"SMG_RGB_Phase{phase}" / f"smg_rgb_{split}" / folder.name
        tables = root / f"smg_data_phase{phase}" / f"smg_skeleton_{split}" / folder.name
        videos.mkdir(parents=True)
        tables.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / f"{folder.name}_color.mp4", videos)
        shutil.move(folder, tables)
    return root


def smg_cut(root: Path) -> Path:
    """Clips cut out of it, with captions that hold commas, an upper-case extension, and a number for a caption."""
    captions = {0: "Folding arms", 1: "Playing with jewelry, and manipulating other objects", 2: "6"}
    for folder, numbers in (("training_clips", (1, 2, 31)), ("testing_clips", (36, 37))):
        rows = ["clip,caption"]
        for number in numbers:
            for k, caption in captions.items():
                end = "MP4" if k == 0 else "mp4"
                name = f"Sample{number:04d}_{100 * k}_{100 * k + 15}.{end}"
                video(root / folder / "tmp.mp4", 16, 10 * number + k)
                (root / folder / "tmp.mp4").rename(root / folder / name)
                rows.append(f"{name},{caption}")
        (root / folder / "clip.csv").write_text("\n".join(rows) + "\n")
    return root


def imigue(root: Path) -> Path:
    """The full release: four training subjects and two of the test, in the folders of its phases, one of them called
    validate; more columns than are read, label 99."""
    rows = ["video_id, subject_id, class, start_frame, end_frame, note"]
    for index, subject in enumerate((2, 4, 5, 6, 1, 3)):
        name = f"{index + 1:04d}"
        split = (
            "Phase2/imigue_rgb_test" if subject in (1, 3) else "Phase1/imigue_rgb_" + ("train", "validate")[index == 1]
        )
        video(root / f"iMiGUE_RGB_{split}" / name / f"{name}.mp4", 100, subject)
        for k in range(6):
            raw = 99 if k == 5 else 1 + (5 * index + k) % 31
            rows.append(f"{index + 1}, {subject}, {raw}, {15 * k}, {15 * k + 14}, x")
    (root / "Label").mkdir()
    (root / "Label" / "labels_20200831.csv").write_text("\n".join(rows) + "\n\n")
    return root


MIGA_TABLES = {
    "train": "imigue_data_phase1/datasets/imigue_skeleton_train",
    "validate": "imigue_data_phase1/datasets/imigue_skeleton_validate",
    "test": "imigue_data_phase2/imigue_skeleton_test",
}
MIGA_VIDEOS = {
    "train": "imigue_rgb_phase1/train_data",
    "validate": "imigue_rgb_phase1/validation_data",
    "test": "imigue_rgb_phase2",
}


def light_hand(path: Path, frames: int, header: bool) -> None:
    """A skeleton file: joint j of frame t stands at (t + 10 j, 500 + 10 j) with confidence 0.5."""
    joint_J, table = np.arange(35), np.empty((frames, 106))
    table[:, 0] = np.arange(frames)
    table[:, 1::3] = np.arange(frames)[:, None] + 10 * joint_J
    table[:, 2::3], table[:, 3::3] = 500 + 10 * joint_J, 0.5
    with path.open("w") as file:
        file.write("," + ",".join(map(str, range(105))) + "\n" if header else "")
        np.savetxt(file, table, delimiter=",", fmt="%g")


def imigue_miga(root: Path, hidden: bool = False) -> Path:
    """The MiGA challenge's tree: four training videos, one of them in the validation folder too, and two of the test.

    Args:
        root: the folder.
        hidden: whether each test label is 1, as the challenge has it.
    """
    for split, numbers in (("train", (1, 2, 3, 6)), ("validate", (1,)), ("test", (4, 5))):
        for number in numbers:
            name = f"{number:04d}"
            folder = root / MIGA_TABLES[split] / name
            folder.mkdir(parents=True)
            video(root / MIGA_VIDEOS[split] / name / f"{name}.mp4", 90, number)
            labels = [1 if hidden and split == "test" else 99 if k == 4 else 3 * number + k for k in range(5)]
            rows = [f"{label},{15 * k},{15 * k + 14}" for k, label in enumerate(labels)]
            (folder / f"{name}_label.csv").write_text("\n".join(rows) + "\n")
            light_hand(folder / f"{name}_light_hand.csv", 50 if number == 6 else 90, header=number % 2 == 0)
    return root


def imigue_hidden(root: Path) -> Path:
    """The MiGA challenge's tree as its members have it."""
    return imigue_miga(root, hidden=True)


def imigue_cut(root: Path) -> Path:
    """Cut clips in a folder with a blank in its name, called by their seconds."""
    for split, numbers in (("train", (11, 12, 13)), ("test", (20, 21))):
        rows = []
        for number in numbers:
            for k in range(4):
                label = (number + 7 * k) % 32
                path = f"cut clips/{number}_{k}.0763_{k + 1}.4979_{label}.mp4"
                video(root / path, 20, 10 * number + k)
                rows.append(f"{path} {label}")
        (root / f"{split}_list.txt").write_text("\n".join(rows) + "\n")
    return root


def imigue_numbered(root: Path) -> Path:
    """Cut clips called by video and row, a folder a split; Windows line ends, and a list of the validation part."""
    for split, numbers in (("train", (1, 2, 3)), ("validate", (1,)), ("test", (54,))):
        names = [f"{number:04d}_{k}.mp4" for number in numbers for k in range(3)]
        for index, name in enumerate(names):
            video(root / split / name, 20, 100 * len(split) + index)
        rows = [f"{name} {(int(name[:4]) + int(name[5])) % 32}" for name in names]
        (root / f"{split}.txt").write_bytes("".join(f"{row}\r\n" for row in rows).encode())
    return root


def ma52(root: Path) -> Path:
    """The release: eight people in both lists, test rows without labels."""
    for split, shift in (("train", 0), ("val", 3)):
        rows = []
        for person in range(1, 9):
            for k in range(3):
                name = f"{person:04d}_0{k + 1}_{shift:04d}.mp4"
                video(root / split / name, 18, 100 * person + 10 * k + shift)
                rows.append(f"{name} {(11 * person + 17 * k + shift) % 52}")
        (root / f"{split}_list_videos.txt").write_text("\n".join(rows) + "\n")
    for number in range(5, 0, -1):
        video(root / "test" / f"0099_01_{number:04d}.mp4", 18, 1000 + number)
    names = [path.name for path in sorted((root / "test").iterdir(), reverse=True)]
    (root / "test_list_videos.txt").write_text("".join(f"{name} 0\r\n" for name in names))
    return root


def ma52_challenge(root: Path) -> Path:
    """The same clips in the challenge's folders, videos_train and the like."""
    for split in ("train", "val", "test"):
        (ma52(root) if split == "train" else root).joinpath(split).rename(root / f"videos_{split}")
    return root
