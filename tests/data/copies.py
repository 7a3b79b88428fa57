"""Mock copies of the released data sets: their layouts, with small generated videos and rows as odd as real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fgsgl.data.video import write_h264


def video(path: Path, frames: int, seed: int, side: int = 64) -> None:
    """A bright square that walks over noise; H.264."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    frames_THWC = random.integers(0, 60, (frames, side, side, 3), dtype=np.uint8)
    step = random.integers(1, 4)
    for frame in range(frames):
        x = int(frame * step) % (side - 12)
        frames_THWC[frame, 20:32, x : x + 12] = 200
    write_h264(path, frames_THWC, fps=25)


def smg(root: Path) -> Path:
    """The release: six recordings, one of them of a test subject; a blank line and Windows line ends among the rows."""
    for index, number in enumerate((1, 2, 3, 4, 36, 40)):
        sample = f"Sample{number:04d}"
        folder = root / sample
        video(folder / f"{sample}_color.mp4", 120, number)
        rows = [f"{1 + (3 * index + k) % 17},{12 * k},{12 * k + 11}" for k in range(9)]
        (folder / f"{sample}_finelabels.csv").write_bytes("\r\n".join([*rows[:4], "", *rows[4:], ""]).encode())
        (folder / f"{sample}_data.csv").write_text("120,28,4000\n")
        joints_TV = np.arange(120)[:, None] + np.arange(25 * 11) / 1000
        np.savetxt(folder / f"{sample}_skeleton.csv", joints_TV, delimiter=",", fmt="%.3f")
    return root


def smg_cut(root: Path) -> Path:
    """Clips cut out of it, with captions that hold commas, an upper-case extension, and a number for a caption."""
    captions = {0: "Folding arms", 1: "Playing with jewelry, and manipulating other objects", 2: "6"}
    for folder, numbers in (("training_clips", (1, 2, 3)), ("testing_clips", (36, 37))):
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
    """The full release: four training subjects and two of the test, more columns than are read, label 99."""
    rows = ["video_id, subject_id, class, start_frame, end_frame, note"]
    for index, subject in enumerate((2, 4, 5, 6, 1, 3)):
        video(root / "Video" / f"{index + 1:04d}.mp4", 100, subject)
        for k in range(6):
            raw = 99 if k == 5 else 1 + (5 * index + k) % 31
            rows.append(f"{index + 1}, {subject}, {raw}, {15 * k}, {15 * k + 14}, x")
    (root / "Label").mkdir()
    (root / "Label" / "labels_20200831.csv").write_text("\n".join(rows) + "\n\n")
    return root


def imigue_miga(root: Path) -> Path:
    """The MiGA release: three training videos and two of the test, with skeletons."""
    for split, numbers in (("train", (1, 2, 3)), ("test", (4, 5))):
        for number in numbers:
            folder = root / f"imigue_rgb_{split}"
            video(folder / f"{number:04d}.mp4", 90, number)
            rows = [f"{99 if k == 4 else 3 * number + k},{15 * k},{15 * k + 14}" for k in range(5)]
            (folder / f"{number:04d}_label.csv").write_text("\n".join(rows) + "\n")
            joints_TV = 1000 * np.arange(90)[:, None] + np.arange(1 + 25 * 3)
            (root / f"imigue_skeleton_{split}").mkdir(exist_ok=True)
            path = root / f"imigue_skeleton_{split}" / f"{number:04d}_light_hand.csv"
            np.savetxt(path, joints_TV, delimiter=",", fmt="%.1f")
    return root


def imigue_cut(root: Path) -> Path:
    """Cut clips in a folder with a blank in its name."""
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
