"""The same command on other data is other work: nothing of the data before is taken for them."""

from __future__ import annotations

import os
from pathlib import Path

import made
import numpy as np
import pytest

from fgsgl.cli.main import main
from fgsgl.data.data_spec import DataSpec
from fgsgl.data.video.video_file import write_h264
from fgsgl.records.ledger import Ledger
from fgsgl.records.protocol import default_protocol
from fgsgl.training.cell_spec import CellSpec
from fgsgl.util.errors import UserError

HEAD = "clip_id,video,start_frame,end_frame,label,subject,split,fps\n"


def video(path: Path, level: int) -> None:
    write_h264(path, np.full((20, 32, 32, 3), level, np.uint8), fps=25)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two clips of two classes in each split."""
    root = tmp_path / "data"
    root.mkdir()
    rows = []
    for number, split in enumerate(("train", "val", "test")):
        for label in range(2):
            video(root / f"{split}{label}.mp4", 40 * (2 * number + label))
            rows.append(f"{split}{label},{split}{label}.mp4,0,20,{label},{split},{split},25\n")
    (root / "my.csv").write_text(HEAD + "".join(rows))
    (root / "my.classes.txt").write_text("left\nright\n")
    return root


def run(root: Path, out: Path, capfd: pytest.CaptureFixture) -> tuple[set[str], str]:
    """The finished cells after a command, and what it said."""
    words = ["run", "--dataset", "csv", "--table", str(root / "my.csv"), "--methods", "majority", "--device", "cpu"]
    assert main([*words, "--image-size", "32", "--out", str(out)]) == 0
    return set(Ledger(out / "ledger").done()), capfd.readouterr().out


def test_replaced_videos_and_corrected_tables_are_other_cells(
    root: Path, tmp_path: Path, capfd, without_figures
) -> None:
    out = tmp_path / "out"
    first, said = run(root, out, capfd)
    assert len(first) == 2 and "2 cells, 0 already done" in said and f"board: {out}" in said
    assert "2 already done" in run(root, out, capfd)[1]

    replaced, stamp = root / "test1.mp4", (root / "test1.mp4").stat().st_mtime_ns
    video(replaced, 5)
    os.utime(replaced, ns=(stamp, stamp))
    second, said = run(root, out, capfd)
    assert "2 cells, 0 already done" in said and len(second - first) == 2
    assert "Set aside: 2 cells of" in (out / "leaderboard.md").read_text()

    table = root / "my.csv"
    rows = table.read_text().replace("test1.mp4,0,20,1", "test1.mp4,0,20,0")
    table.write_text(rows.replace("test0.mp4,0,20,0", "test0.mp4,0,20,1"))
    third, said = run(root, out, capfd)
    assert "2 cells, 0 already done" in said and len(third - second) == 2 and "decoding frames" not in said
    records = Ledger(out / "ledger").done()

    def known(cells: set[str], name: str) -> str:
        (value,) = {getattr(records[cell_id].data, name) for cell_id in cells}
        return value

    groups = (first, second - first, third - second)
    ids_, labels, content = (
        [known(cells, f"split_{name}sha256") for cells in groups] for name in ("", "labels_", "content_")
    )
    assert ids_[0] == ids_[1] == ids_[2]
    assert labels[0] == labels[1] != labels[2] and content[0] != content[1] == content[2]


def test_a_cell_refuses_data_that_changed_since_it_was_planned(root: Path, tmp_path: Path) -> None:
    protocol = default_protocol("csv", image_size=32)
    data = DataSpec(dataset="csv", preset="all", root=root / "my.csv")
    cell = made.a_cell("majority", protocol=protocol, fingerprint=data.load().fingerprint())
    spec: CellSpec = made.spec(cell, tmp_path / "work", root=root / "my.csv")
    assert len(spec.table().clips) == 6
    video(root / "train0.mp4", 200)
    with pytest.raises(UserError, match=r"the data in .*my\.csv have changed since the cell was planned"):
        spec.table()


def test_the_default_folder_of_a_board_is_the_tables_own(root: Path, tmp_path: Path) -> None:
    from fgsgl.cli.main import build_parser
    from fgsgl.cli.options import out_of, protocol_of

    def out(*words: str) -> Path:
        arguments = build_parser().parse_args(["run", *words])
        return out_of(arguments, protocol_of(arguments))

    mine = out("--dataset", "csv", "--table", str(root / "my.csv"))
    other = out("--dataset", "csv", "--table", str(tmp_path / "my.csv"))
    assert mine.parent == Path("results/local") and mine.name.startswith("csv-my-") and mine != other
    assert out("--dataset", "csv", "--table", str(root / ".." / "data" / "my.csv")) == mine
    assert out("--preset", "smoke") == Path("results/local/synmg-smoke")
