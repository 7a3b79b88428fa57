"""``python benchmarks/index_time.py``: from a folder to its clip table, and to a data set that is ready to train.

Mock copies of 20,000 clips whose video files are empty, so that whatever opened one would fail: MA-52's lists, and a
table of one's own. The frame cache, where it is opened, is filled with files of the right size (sparse ones).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import spent, spread
from msgspec import to_builtins

from fgsgl.data import datasets
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.cache.frame_cache import frame_keys, frame_store
from fgsgl.data.clip_table import ClipTable, write_clips
from fgsgl.data.video.lookalikes import SAMPLES, SIDE, lookalikes, text_of
from fgsgl.mmaction.datasets import ClipDataset
from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.util.errors import run_command

CLIPS, SUBJECTS, CLASSES = 20_000, 186, 52
NUM_FRAMES, IMAGE_SIZE = 8, 112
ALIKE = 4_000
REPEATS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/index_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--clips", type=int, default=CLIPS, help="of each copy (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each row (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.clips, arguments.repeats, arguments.out))


def measure(clips: int, repeats: int, out: Path) -> int:
    """Measures every row, prints the table and writes it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        root.mkdir()
        os.environ["FGSGL_CACHE"] = str(Path(folder) / "cache")
        _copy_of_ma52(root, clips)
        table = datasets.get("ma52").load(root, "subjects", 0)
        write_clips(root / "my.csv", table.clips, table.classes)
        _pretend_filled(table)
        work = {
            "index MA-52, every file looked for": lambda: datasets.get("ma52").load(root, "subjects", 0),
            "index a table of one's own": lambda: datasets.get("csv").load(root / "my.csv", "all", 0),
            "open MA-52 for training, cache filled": lambda: _open(root),
            f"group {ALIKE:,} encodings of one recording by their look": _group_alike,
        }
        seconds = {what: [spent(action) for _ in range(repeats)] for what, action in work.items()}
    result = {
        "clips": clips, "seconds": seconds, "command": "python benchmarks/index_time.py",
        "hardware": to_builtins(hardware("cpu", 1, "none")), "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    rows = [
        f"| {what} | {spread([wall_s for wall_s, _ in pairs])} | {spread([cpu_s for _, cpu_s in pairs])} |\n"
        for what, pairs in seconds.items()
    ]
    text = (
        "# From a folder to its clip table\n\n"
        f"{clips} clips, {repeats} repeats in one process, median (min to max). The video files are empty: nothing "
        "here opens one. Processor time is what another program on the machine does not change.\n\n"
        f"| | s | processor s |\n|---|---|---|\n{''.join(rows)}\n"
        f"`{result['command']}`; {result['hardware']['cpu']}; commit {str(result['git_commit'])[:12]}.\n"
    )
    (out / "index.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _copy_of_ma52(root: Path, clips: int) -> None:
    """The release's lists and, for every clip, an empty file."""
    for split in ("train", "val"):
        (root / split).mkdir()
        names = [f"{n % SUBJECTS:04d}_01_{n:05d}.mp4" for n in range(clips // 2)]
        for name in names:
            (root / split / name).touch()
        rows = "".join(f"{name} {n % CLASSES}\n" for n, name in enumerate(names))
        (root / f"{split}_list_videos.txt").write_text(rows, encoding="utf-8")


def _pretend_filled(table: ClipTable) -> None:
    """A frame for every clip, of the right size and without content, but for the clip that is looked at."""
    table = with_contents(table)
    store, keys = frame_store(NUM_FRAMES, IMAGE_SIZE), frame_keys(table, NUM_FRAMES, IMAGE_SIZE)
    for key in keys.values():
        store.path(key).parent.mkdir(parents=True, exist_ok=True)
        with store.path(key).open("wb") as file:
            file.truncate(store.file_bytes)
    store.write(keys[table.split("train")[0].clip_id], np.zeros(store.shape, np.uint8))


def _open(root: Path) -> None:
    dataset = ClipDataset("ma52", str(root), "train", "subjects", num_frames=NUM_FRAMES, image_size=IMAGE_SIZE)
    dataset[0]


def _group_alike() -> None:
    """The worst case of the search for a recording that stands there twice: all are alike."""
    random = np.random.default_rng(0)
    shape = (ALIKE, SAMPLES * SIDE**2)
    seen = random.integers(0, 250, shape[1]) + random.integers(0, 3, shape)
    pictures = {str(n): text_of([row.astype(np.uint8).tobytes()]) for n, row in enumerate(seen)}
    (group,) = lookalikes(pictures, dict.fromkeys(pictures, 50))
    assert len(group) == ALIKE


if __name__ == "__main__":
    sys.exit(main())
