"""`fgsgl data check` finds every planted fault, opens each video once, and gives records their fingerprint."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
from pathlib import Path

import copies
import odd_videos
import pandas as pd
import pytest
from PIL import Image

from fgsgl.cli.main import main
from fgsgl.data import check_report, datasets
from fgsgl.data.cache import video_facts as module
from fgsgl.data.cache.contents import with_contents
from fgsgl.data.cache.frame_cache import check_folder, open_cache
from fgsgl.data.cache.video_facts import VIDEOS, video_facts
from fgsgl.data.check import check, read_fingerprint
from fgsgl.data.check_report import balance
from fgsgl.data.clip_table import SPLITS, Clip, ClipTable
from fgsgl.data.faults import Fault


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copies.ma52(tmp_path / "MA-52")


def load(root: Path):
    return with_contents(datasets.get("ma52").load(root, "subjects", 0))


def audit(root: Path, **options):
    table = load(root)
    return check(table, {"clips": 16836}, check_folder(table), **options)


def test_a_sound_copy_has_remarks_and_no_fault(root: Path) -> None:
    found = audit(root, workers=2)
    assert found.faults == () and len(found.videos) == 48
    said = "\n".join(found.remarks)
    for part in (
        "has 48 clips, the release 16836",
        "64x64 (48 videos)",
        "25 (48 videos)",
        "18 to 18",
        "has no clip of",
    ):
        assert part in said
    assert read_fingerprint(check_folder(load(root))) == found.fingerprint
    counts = balance(load(root))
    assert counts.to_numpy().sum() == 48 and list(counts.columns) == ["train", "val", "test"]


def test_planted_faults_are_found(root: Path) -> None:
    table = load(root)
    first = {split: table.split(split)[0] for split in ("train", "val", "test")}
    path = {split: root / clip.video for split, clip in first.items()}
    content = path["train"].read_bytes()
    path["val"].write_bytes(b"")
    shutil.copy(path["train"], path["test"])
    spare = root / table.split("train")[1].video
    spare.write_bytes(content[: len(content) // 2])
    other = root / table.split("train")[2].video
    damaged = bytearray(other.read_bytes())
    damaged[: damaged.index(b"mdat")] = b"\0" * damaged.index(b"mdat")
    other.write_bytes(bytes(damaged))
    found = "\n".join(map(str, audit(root).faults))
    for culprit, reason in (
        (path["val"], "is empty (0 bytes)"),
        (spare, "cannot be opened"),
        (other, "cannot be opened"),
    ):
        assert f"{culprit}" in found and reason in found
    assert "the same file content in the splits test, train" in found
    assert len(audit(root).faults) == 4
    assert read_fingerprint(check_folder(load(root))) is None


def test_frames_past_the_end_are_found(tmp_path: Path) -> None:
    root = copies.smg(tmp_path / "SMG")
    (root / "Sample0036/Sample0036_finelabels.csv").write_text("1,0,9\n2,110,140\n3,500,510\n")
    table = datasets.get("smg").load(root, "official", 0)
    faults = check(table, {}, check_folder(table)).faults
    assert [fault.line for fault in faults] == [2, 3]
    assert "clip 'Sample0036_110_140' needs frames 110 to 141" in faults[0].what and "has 120" in faults[0].what
    assert "clip 'Sample0036_500_510'" in faults[1].what


def test_all_faults_of_all_recordings_are_listed_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = copies.smg(tmp_path / "SMG")
    (root / "Sample0001/Sample0001_finelabels.csv").write_text("1,0,9\n99,12,20\n1,30\n2,x,50\n")
    (root / "Sample0002/Sample0002_color.mp4").write_bytes(b"no video")
    (root / "Sample0003/Sample0003_color.mp4").unlink()
    (root / "Sample0036/Sample0036_finelabels.csv").write_text("1,0,9\n2,119,119\n3,110,120\n3,110,120\n")
    assert main(["data", "check", "smg", "--root", str(root), "--workers", "1"]) == 2
    said = capsys.readouterr()
    rows = [line.split(maxsplit=2) for line in said.out.splitlines() if line.startswith(("Sample", "-"))]
    assert [(file, line) for file, line, _ in rows] == [
        ("Sample0001/Sample0001_finelabels.csv", "2"),
        ("Sample0001/Sample0001_finelabels.csv", "3"),
        ("Sample0001/Sample0001_finelabels.csv", "4"),
        ("-", "-"),
        ("Sample0036/Sample0036_finelabels.csv", "4"),
        ("Sample0002/Sample0002_color.mp4", "-"),
        ("Sample0036/Sample0036_finelabels.csv", "3"),
    ]
    for (*_, what), words in zip(
        rows,
        ("label 99, expected 1..17", "2 cell(s) (1, 30), expected 3", "start is 'x', expected a whole",
         "no video of Sample0003", "stands in the", "cannot be opened", "needs frames 110 to 121, but"),
        strict=True,
    ):  # fmt: skip
        assert words in what
    assert said.err.startswith(f"error: 7 fault(s) in smg at {root}; they stand above")
    report = Path(said.out.replace("\n", " ").partition("report: ")[2].split()[0]).read_text()
    assert "finelabels.csv | 3 |" in report


def test_check_and_frame_cache_give_the_same_verdict(tmp_path: Path) -> None:
    """A clip is refused by both or by none: exclusive ends, and damage before or after the frames that it needs."""
    copies.video(tmp_path / "sound.mp4", 20, 1)
    odd_videos.write(tmp_path / "damaged.mkv", odd_videos.noisy(30), options={"g": "1"})
    content = bytearray((tmp_path / "damaged.mkv").read_bytes())
    content[len(content) * 2 // 3 : -2000] = bytes(len(content) - 2000 - len(content) * 2 // 3)
    (tmp_path / "damaged.mkv").write_bytes(bytes(content))
    ranges = [("sound.mp4", 0, 20), ("sound.mp4", 0, 21), ("sound.mp4", 19, 20), ("sound.mp4", 19, 0)]
    ranges += [("sound.mp4", 20, 0), ("sound.mp4", 20, 21), ("sound.mp4", 0, 0), ("gone.mp4", 0, 0)]
    ranges += [("damaged.mkv", 0, 5), ("damaged.mkv", 0, 30), ("damaged.mkv", 0, 0), ("damaged.mkv", 25, 28)]
    splits = ("train", "val", "test")
    clips = tuple(
        Clip(clip_id=f"{video} {start} {end}", video=video, start_frame=start, end_frame=end, label=index % 2, fps=25.0,
             subject=f"s{index % 3}", split=splits[index % 3])
        for index, (video, start, end) in enumerate(ranges)
    )  # fmt: skip
    table = ClipTable(dataset="toy", root=tmp_path, classes=("x", "y"), clips=clips)
    bad = open_cache(table, 2, 32).bad
    assert set(bad) == {
        "sound.mp4 0 21", "sound.mp4 20 0", "sound.mp4 20 21", "gone.mp4 0 0", "damaged.mkv 0 30", "damaged.mkv 0 0",
        "damaged.mkv 25 28",
    }  # fmt: skip
    faults = [str(fault) for fault in check(table, {}, check_folder(table)).faults if "same file" not in fault.what]
    assert len(faults) == 5
    assert [sum(name in fault for fault in faults) for name in ("sound.mp4", "gone.mp4", "damaged.mkv")] == [3, 1, 1]
    assert "(3 of 4 clip(s) need the rest)" in faults[-1]
    assert [fault for fault in faults if "gone.mp4" in fault and "need the rest" not in fault]


def test_a_second_call_opens_only_what_changed(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FGSGL_CACHE", str(tmp_path / "cache"))
    before = audit(root)
    known = tmp_path / "cache" / VIDEOS
    lines = known.read_text().splitlines()
    known.write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])  # killed while it wrote
    opened = []
    read = module._read_video
    monkeypatch.setattr(module, "_read_video", lambda job: opened.append(job[1]) or read(job))
    after = audit(root)
    assert opened == [json.loads(lines[-1])["video"]]
    assert after.fingerprint == before.fingerprint
    copies.video(root / opened[0], 18, seed=12345)
    assert audit(root).fingerprint != before.fingerprint and len(opened) == 2
    shutil.move(root, tmp_path / "moved")
    audit(tmp_path / "moved")
    assert len(opened) == 2, "a folder that has moved holds the same files"


def test_results_that_ship_with_a_data_set_are_not_believed(root: Path) -> None:
    """Facts beside the videos that would blind the audit, and a check that found no fault."""
    table = load(root)
    facts = [dataclasses.replace(fact, sha256=f"{n:064x}") for n, fact in enumerate(video_facts(table).values())]
    for folder in (root / ".frames", root / ".frames" / f"{table.fingerprint()}-check", root):
        folder.mkdir(exist_ok=True)
        (folder / VIDEOS).write_text("".join(json.dumps(dataclasses.asdict(fact)) + "\n" for fact in facts))
        (folder / "check.json").write_text('{"fingerprint": "forged", "faults": [], "remarks": []}')
    shutil.copy(table.path(table.split("train")[0]), table.path(table.split("test")[0]))
    found = audit(root)
    said = " ".join(fault.what for fault in found.faults)
    assert found.fingerprint != "forged" and "the same file content in the splits" in said
    assert read_fingerprint(check_folder(load(root))) is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"faults": []', b"\0\0\0", b'{"faults": []}', b'"x"'])
def test_a_torn_result_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "check.json").write_bytes(content)
    assert read_fingerprint(tmp_path) is None


@pytest.mark.slow
def test_the_command_and_the_record(root: Path, tmp_path: Path, call) -> None:
    said = call("-m", "fgsgl", "data", "check", "ma52", "--root", root).stdout
    report = Path(said.replace("\n", "").rpartition("report: ")[2])
    assert "| **subjects** |" in report.read_text() and (report.parent / "balance.png").is_file()
    call("-m", "fgsgl", "run", "--dataset", "ma52", "--root", root, "--out", tmp_path / "o", "--methods", "majority")
    record = json.loads(next((tmp_path / "o" / "ledger").glob("*.json")).read_text())
    assert record["data"]["checked"] == read_fingerprint(check_folder(load(root)))
    (root / load(root).clips[0].video).write_bytes(b"nothing")
    answer = call("-m", "fgsgl", "data", "check", "ma52", "--root", root, expect=2)
    assert "1 fault(s) in ma52" in answer.stderr and "the video" in answer.stdout
    assert "no data at" in call("-m", "fgsgl", "data", "check", "smg", "--root", tmp_path / "no", expect=2).stderr


def test_the_figure_of_a_thousand_classes_is_no_larger_than_that_of_eighty() -> None:
    names = pd.Index([f"class {n}" for n in range(1200)], name="class")
    counts = pd.DataFrame({split: range(1200) for split in SPLITS}, index=names)
    assert Image.open(io.BytesIO(check_report._draw(counts))).height < 5000


def test_rows_out_of_order_and_overlaps_are_taken_and_counted(tmp_path: Path) -> None:
    """As in SMG's real tables, of whose rows 42 overlap and 9 are out of order."""
    root = copies.smg(tmp_path / "SMG")
    (root / "Sample0001/Sample0001_finelabels.csv").write_bytes(
        b"3,60,79\r\n1,0,19\r\n2,10,29\r\n1,15,22\r\n4,30,40\r\n"
    )
    table = datasets.get("smg").load(root, "official", 0)
    found = [clip for clip in table.clips if clip.subject == "01"]
    assert [(clip.label, clip.start_frame, clip.end_frame) for clip in found] == [
        (2, 60, 80), (0, 0, 20), (1, 10, 30), (0, 15, 23), (3, 30, 41),
    ]  # fmt: skip
    result = check(table, {}, check_folder(table))
    assert not result.faults
    assert "2 clip(s) share frames with another clip of their video, 2 of them with another label" in result.remarks


def test_a_checked_video_is_not_opened_for_another_preset_or_seed(root: Path, monkeypatch) -> None:
    audit(root)
    monkeypatch.setattr("av.open", lambda *_, **__: pytest.fail("a video was opened"))
    for preset, seed in (("official", 0), ("subjects", 3)):
        table = with_contents(datasets.get("ma52").load(root, preset, seed))
        assert not check(table, {}, check_folder(table)).faults


def test_known_twins_in_two_splits_are_counted_and_others_are_a_fault(tmp_path: Path, capsys) -> None:
    """iMiGUE's recordings 6 and 47 are one; MiGA's split, which is the release's, may have them on both sides."""
    root = copies.imigue_miga(tmp_path / "iMiGUE")
    for path in [*root.glob("**/0004*")][::-1]:
        path.rename(path.with_name(path.name.replace("0004", "0047")))
    (train,), (test,), (other,) = (list(root.glob(f"**/{name}.mp4")) for name in ("0006", "0047", "0005"))
    shutil.copy(train, test)
    command = ["data", "check", "imigue", "--root", str(root), "--workers", "1"]
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "1 recording(s) stand in several splits under several names, as the release is known to hold them" in said
    videos = [str(path.relative_to(root)) for path in (train, test)]
    assert f"5 test clip(s) are of them: {' = '.join(videos)} (in test, train)" in said
    shutil.copy(train, other)  # a third one, which is no known twin
    assert main(command) == 2
    assert "the same file content in the splits test, train: " in capsys.readouterr().out


def test_a_check_says_whether_skeletons_can_be_read(tmp_path: Path, capsys) -> None:
    """They are no fault of the data: all other methods run without."""
    root = copies.imigue_miga(tmp_path / "iMiGUE")
    command = ["data", "check", "imigue", "--root", str(root), "--workers", "1"]
    assert main(command) == 0
    assert "skeletons cannot" not in capsys.readouterr().out
    hands = next(root.glob("**/0004_light_hand.csv"))
    hands.write_text("".join(f"{line},1\n" for line in hands.read_text().splitlines()))
    assert main(command) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "methods that read skeletons cannot run: the skeleton" in said and "107 columns, expected 106" in said


def test_a_table_need_not_be_called_a_table(tmp_path: Path, capsys) -> None:
    assert main(["data", "check"]) == 2
    assert "Name it (synmg, smg, imigue, ma52), or give your --table" in capsys.readouterr().err
    (tmp_path / "my.csv").write_text("video,label\n")
    assert main(["data", "check", "--table", str(tmp_path / "my.csv")]) == 2
    assert "has a header and no row" in capsys.readouterr().err


def test_clips_that_were_left_out_are_the_reason_of_a_deviating_count(root: Path) -> None:
    names = [line.split()[0] for line in (root / "val_list_videos.txt").read_text().splitlines()]
    (root / "val_list_videos.txt").write_text("".join(f"{name} 0\n" for name in names))
    assert f"the release 16836; left out: {len(names)} of the validation list, which hides its labels" in "\n".join(
        audit(root).remarks
    )
    (line,) = (one for one in audit(root, faults=[Fault(what="x")]).remarks if "the release 16836" in one)
    assert line.endswith("; the 1 fault(s) of label tables take clips away")
