"""The sentences under a board: what its numbers are over, and what they cannot tell. Generated, never typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from fgsgl.bench.record import Record
from fgsgl.report.board import printable
from fgsgl.stats.seeds import smallest_p


def note(table: pd.DataFrame, scored: Mapping[tuple[str, ...], Sequence[Record]]) -> tuple[str, ...]:
    """One sentence or two a line, of a board's table and the records behind its numbers."""
    done = [record for group in scored.values() for record in group]
    methods = table[table["kind"] == "method"]
    sentences = (
        *_about_data(table, done),
        *_about_seeds(methods),
        *_about_differences(methods),
        *_about_protocols(table, methods),
    )
    return tuple(printable(sentence) for sentence in sentences)


def _about_data(table: pd.DataFrame, done: Sequence[Record]) -> Iterator[str]:
    if "synmg" in set(table["dataset"]):
        yield "Synthetic data: SynMG shows drawn figures. It compares methods and makes no claim about people."
    yield from dict.fromkeys(caveat for record in done for caveat in record.data.get("caveats", ()))
    # One line a split: boards of several presets have several.
    splits = {(r.protocol["dataset"], r.protocol["preset"], r.data["split_sha256"]): r for r in done}
    for (dataset, preset, _), record in sorted(splits.items(), key=lambda item: item[0]):
        n_present = sum(row["n"] > 0 for row in record.metrics["per_class"])
        yield (
            f"Test split of {dataset} {preset}: {record.data['n_clips']['test']} clips of "
            f"{record.data['n_subjects']['test']} subjects, each clip scored exactly once; mean-class and macro-F1 are "
            f"over the {n_present} of {len(record.data['classes'])} classes that have a clip. "
            f"Floor: the largest class holds {100 * record.data['majority']:.1f} % of the clips."
        )
    n_skipped = int(table["skipped"].max())
    if n_skipped:
        yield f"{n_skipped} clip(s) were skipped as bad (--skip-bad) and are in no number above."


def _about_seeds(methods: pd.DataFrame) -> Iterator[str]:
    trained = methods[methods["trainable_m"] != 0]
    counts = sorted({int(n) for n in trained["n_seeds"] if n > 0})
    if not counts:
        return
    yield f"Numbers are means over seeds (n = {_listed(counts)})."
    if counts[-1] > 1:
        yield "± is half the 95 % Student t interval over seeds; it does not cover the choice of test subjects."
    if len(trained) < len(methods):
        yield "A row with nothing to train has one run, which is the same for every seed."
    if counts[0] == 1:
        yield "A row with n = 1 seed has no interval: how much it varies from seed to seed is not known."


def _about_differences(methods: pd.DataFrame) -> Iterator[str]:
    compared = methods[methods["diff_top1"].notna()]
    if len(compared):
        yield (
            "Difference: top-1 minus that of FG-SGL with the same seeds and protocol, in percentage points (mean of "
            "the paired differences, and their paired t interval from two seeds on)."
        )
    trained = compared[compared["trainable_m"] != 0]
    weak = [n for n in sorted({int(n) for n in trained["n_seeds"]}) if smallest_p(n) > 0.05]
    for n in weak:
        yield (
            f"An exact sign-flip test cannot reach p < 0.05 with n = {n} seed{'s' * (n > 1)} (the smallest p is "
            f"{smallest_p(n):.2g}); 6 are the fewest that can."
        )
    for row in methods[methods["diff_note"] != ""].itertuples():
        yield f"{row.label}: {row.diff_note}."


def _about_protocols(table: pd.DataFrame, methods: pd.DataFrame) -> Iterator[str]:
    hashes = sorted(set(table["protocol"]))
    if len(hashes) > 1:
        yield f"Rows under different protocols ({', '.join(hashes)}) stand apart and must not be compared."
    else:
        yield f"Protocol {hashes[0]}."
    if methods["gflops"].notna().any():
        yield (
            "GFLOPs of one clip (a multiplication and an addition are two); latency of one clip and clips/s of a "
            "batch, from frames in memory to probabilities, measured in the cell while others may have run beside it; "
            "peak memory of the cell's process."
        )
    hardware = sorted(set(methods["hardware"]) - {""})
    if hardware:
        yield f"Trained and measured on: {'; '.join(hardware)}."


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers)
