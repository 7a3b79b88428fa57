"""What cannot be built is refused before anything is rendered, decoded or trained."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fgsgl.ablations.run import main as ablate
from fgsgl.cli.main import main
from fgsgl.methods.cell import Variant
from fgsgl.models.towers import synmg_tiny
from fgsgl.records.protocol import default_protocol
from fgsgl.running.fit import require_buildable
from fgsgl.sweeps.optuna_search import main as search
from fgsgl.util.errors import UserError


def check(method: str = "majority", changes: dict[str, Any] | None = None, **options: Any) -> None:
    protocol = default_protocol("synmg", "smoke", **options)
    require_buildable([Variant(method=method, changes=changes or {})], protocol, "smg")


@pytest.mark.parametrize(
    ("method", "options", "told"),
    [
        ("majority", {"backbone": "nope"}, "unknown backbone 'nope'"),
        ("tsm", {"backbone": "ViT-B-61"}, "did you mean ViT-B-16"),
        ("majority", {"backbone": ""}, "unknown backbone ''"),
        ("majority", {"backbone": "hf-hub:evil/model"}, "would be loaded from elsewhere"),
        ("majority", {"backbone": "local-dir:."}, "would be loaded from elsewhere"),
        ("majority", {"pretrained": ""}, "'' is neither a tag"),
        ("majority", {"pretrained": "nope"}, "'nope' is neither a tag"),
        ("tsm", {"pretrained": "missing.safetensors"}, "no weights at missing.safetensors"),
        ("tsm", {"backbone": "ViT-B-16"}, "'synmg-tiny' is neither a tag of ViT-B-16"),
        ("zero_shot_names", {"image_size": 100}, "multiples of 16"),
        ("zero_shot_names", {"backbone": "ViT-B-16", "pretrained": "openai"}, "only with --allow-download"),
        ("slowfast", {"num_frames": 9}, "SlowFast takes multiples of 4"),
    ],
)
def test_what_does_not_fit_is_named(
    method: str, options: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fgsgl.models.towers import weights

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UserError, match=told) as caught:
        check(method, **options)
    assert str(caught.value).isprintable()


def test_a_tag_that_no_method_reads_is_neither_read_nor_downloaded() -> None:
    check("tsm", backbone="ViT-B-16", pretrained="openai")


@pytest.mark.parametrize("method", ["majority", "zero_shot_names"])
def test_weights_of_nan_are_refused_whoever_reads_them(method: str, tmp_path: Path) -> None:
    held = load_file(synmg_tiny.weights_path())
    check(method, pretrained=str(save(tmp_path / "sound.safetensors", held)))
    next(iter(held.values())).fill_(torch.nan)
    with pytest.raises(UserError, match="not finite"):
        check(method, pretrained=str(save(tmp_path / "nan.safetensors", held)))


def test_weights_in_a_methods_settings_are_tried(tmp_path: Path) -> None:
    path = save(tmp_path / "other.safetensors", {"weight": torch.ones(3)})
    with pytest.raises(UserError, match="not of this backbone"):
        check("tsm", {"pretrained": str(path)})


def test_a_dry_run_refuses_them_too_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for dry in (["--dry-run"], []):
        monkeypatch.setattr(sys, "argv", ["fgsgl", "run", "--methods", "majority", "--backbone", "nope", *dry])
        assert main() == 2
        said = capsys.readouterr()
        assert said.err.startswith("error: unknown backbone 'nope'") and len(said.err.splitlines()) == 1
        assert not dry or list(tmp_path.iterdir()) == []


def save(path: Path, tensors: dict[str, torch.Tensor]) -> Path:
    save_file(tensors, path)
    return path


def own_table(folder: Path) -> Path:
    rows = [f"c{n},v{n}.mp4,0,0,{name},s{n},{split},25" for n, (name, split) in enumerate(
        [("wave", "train"), ("nod", "train"), ("wave", "val"), ("nod", "test")]
    )]  # fmt: skip
    header = "clip_id,video,start_frame,end_frame,label,subject,split,fps"
    (folder / "my.csv").write_text("\n".join([header, *rows]))
    return folder / "my.csv"


def test_a_dry_run_looks_whether_the_videos_exist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run", "--dataset", "csv", "--table", str(own_table(tmp_path)), "--methods", "tsm", "--dry-run"]
    for name in ("v1.mp4", "v2.mp4"):
        (tmp_path / name).touch()
    assert main(words) == 2
    assert f"2 of 4 clips have no video: there is no {tmp_path / 'v0.mp4'}, nor 1 other" in capsys.readouterr().err
    assert main([*words, "--skip-bad"]) == 0 and "2 of 4 clips have no video" in capsys.readouterr().out
    (elsewhere := tmp_path / "recordings").mkdir()
    assert main([*words, "--videos", str(elsewhere)]) == 2
    assert f"there is no {elsewhere / 'v0.mp4'}, nor 3 other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("start", "given"),
    [(main, ["run", "--methods", "tsm", "fgsgl"]), (ablate, ["--disable", "motion-difference"]), (search, [])],
)
def test_missing_text_is_answered_with_the_command_that_writes_a_draft(
    start: Callable[[Sequence[str]], int], given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = own_table(tmp_path)
    words = ["--dataset", "csv", "--table", str(table), "--out", str(tmp_path / "out"), "--dry-run"]
    assert start([*given, *words]) == 2
    told = capsys.readouterr().err
    draft = shlex.split(told.split("`")[1])
    assert "which fgsgl would read" in told and draft[:3] == ["fgsgl", "text", "new"]
    assert main(draft[1:]) == 0 and (tmp_path / "my.yaml").is_file()
