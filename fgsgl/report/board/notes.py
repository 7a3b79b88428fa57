"""The sentences under a board: what its numbers are over, and what they cannot tell. Generated, never typed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from fgsgl.methods.tower_models import drawn_weights_note
from fgsgl.records.record import Done, Record
from fgsgl.records.row_key import TUNED, RowKey
from fgsgl.report.board import audit_notes
from fgsgl.report.board.comparisons import EXPLORATORY, MOST_TIED, PRIMARY
from fgsgl.report.board.floors import missing_floor_notes
from fgsgl.report.board.identical_rows import IdenticalRows
from fgsgl.report.board.origin_notes import machine_of, origin_notes
from fgsgl.report.board.rows import listed, part_of, row_key
from fgsgl.report.board.score_columns import failure_counts
from fgsgl.report.board.training_notes import budget_notes, rising_notes, weak_notes
from fgsgl.report.formatting import number
from fgsgl.stats.clusters import FEWEST_CLUSTERS
from fgsgl.stats.families import PRIMARY_SHARE
from fgsgl.stats.seeds import FEWEST_SEEDS, LEVEL, MOST_EXACT, fewest_pairs, smallest_p
from fgsgl.util.escaping import printable

NARROW_CLUSTERS = 8
"""Subjects below which the bootstrap's 95 % interval covers less than 94 % (:mod:`fgsgl.stats.clusters`)."""


def notes(
    table: pd.DataFrame, cells: Mapping[RowKey, Sequence[Record]], scored: Mapping[RowKey, Sequence[Done]],
    identical: Sequence[IdenticalRows],
) -> tuple[str, ...]:  # fmt: skip
    """The sentences under a board's table; each line holds one or two."""
    methods = table[table["kind"] == "method"]
    sentences = (
        *_about_data(table, [record for group in scored.values() for record in group]),
        *missing_floor_notes(table, scored),
        *_about_cells(table, {record.cell_id: record for group in cells.values() for record in group}),
        *budget_notes(cells),
        *rising_notes(table, scored),
        *weak_notes(table, scored),
        *_about_intervals(table, methods),
        *difference_notes(table),
        *tuned_difference_notes(table),
        *origin_notes(scored, {row_key(row): row.label for row in table.itertuples()}),
        *_about_identical_rows(table, identical),
        *_about_protocols(table),
    )
    return tuple(printable(sentence) for sentence in sentences)


def difference_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """The part of :func:`notes` about differences, tests and ties."""
    defaults = _part(table, "method")
    return tuple(printable(sentence) for sentence in (*_about_differences(defaults, table), *_about_ties(table)))


def tuned_difference_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """The part of :func:`notes` about the differences of tuned rows; nothing where there is none."""
    return tuple(printable(sentence) for sentence in _about_tuned_differences(_part(table, "tuned")))


def _part(table: pd.DataFrame, part: str) -> pd.DataFrame:
    return table[[part_of(row) == part for row in table.itertuples()]]


def cost_notes(table: pd.DataFrame, scored: Mapping[RowKey, Sequence[Done]]) -> tuple[str, ...]:
    """Sentences on the columns about cost."""
    measured = [record for key, group in scored.items() if key.kind == "method" for record in group]
    sentences = [
        "Params M: parameters in millions, and how many of them are trained; Train s: mean over seeds, on the machine "
        "that the row names."
    ]
    if table["gflops"].notna().any():
        sentences.append(
            "GFLOPs of one clip (a multiplication and an addition are two); latency of one clip and clips/s of a "
            "batch, from frames in memory to probabilities; peak memory of the cell's process."
        )
    together = sum(not record.cost.measured_alone for record in measured)
    if together:
        sentences.append(
            f"Training time, latency and clips/s are shown of rows whose cells all ran while no other of the board did "
            f"(`--jobs 1`); of {together} cell(s) that is not known, or not so."
        )
    machines = {machine_of(record) for record in measured}
    if len(machines) > 1:
        sentences.append(
            "Times, latency, clips/s and memory compare only between rows of one machine; a row whose cells ran on "
            "several has none."
        )
    if known := sorted({str(machine) for machine in machines if machine.known}):
        sentences.append(f"Trained and measured on: {'; '.join(known)}.")
    return tuple(printable(sentence) for sentence in sentences)


def _about_data(table: pd.DataFrame, done: Sequence[Done]) -> Iterator[str]:
    if "synmg" in set(table["dataset"]):
        yield "Synthetic data: SynMG shows drawn figures. It compares methods and makes no claim about people."
    for dataset in sorted({record.protocol.dataset for record in done}):
        of_data = [record.pretraining for record in done if record.protocol.dataset == dataset]
        if note := drawn_weights_note(dataset, of_data):
            yield note
    yield from dict.fromkeys(caveat for record in done for caveat in record.data.caveats)
    for (dataset, preset, _), records in audit_notes.splits_of(done).items():  # boards of several presets have several
        record = records[-1]
        n_present = sum(row.n > 0 for row in record.metrics.per_class)
        yield (
            f"Test split of {dataset} {preset}: {record.data.n_clips.test} clips of "
            f"{record.data.n_subjects.test} subjects, each clip scored exactly once; mean-class and macro-F1 are "
            f"over the {n_present} of {len(record.data.classes)} classes that have a clip. "
            f"Largest test class: {100 * record.data.majority:.1f} % of the clips, a floor that knows the test labels; "
            "the row Majority class answers with the largest class of training."
        )
        yield audit_notes.audit_sentence(f"{dataset} {preset}", records)
        yield audit_notes.openings_sentence(f"{dataset} {preset}", records)
    for power in sorted({record.protocol.logit_adjustment for record in done} - {0}):
        yield (
            "Every method's probabilities are divided by the classes' shares of the training clips"
            f"{'' if power == 1 else f', raised to {power:g}'} (logit adjustment, arXiv 2007.07314)."
        )
    n_skipped = int(table["skipped"].max())
    if n_skipped:
        yield f"{n_skipped} clip(s) were skipped as bad (--skip-bad) and are in no number above."


def _about_cells(table: pd.DataFrame, records: Mapping[str, Record]) -> Iterator[str]:
    """``records`` by cell id: one cell may belong to two rows."""
    n_failed = sum(record.status == "failed" for record in records.values())
    n_planned = int(table["n_planned"].sum())
    if n_failed or n_planned:
        failed = f", {n_failed} failed ({failure_counts(records.values())})" if n_failed else ""
        planned = f", {n_planned} planned" if n_planned else ""
        yield f"{len(records) + n_planned} cells: {len(records) - n_failed} done{failed}{planned}."
    n_refused = int(table["status"].str.startswith("refused: ").sum())
    if n_refused:
        yield f"{n_refused} row(s) are refused and have no numbers: the status says why."


def _about_intervals(table: pd.DataFrame, methods: pd.DataFrame) -> Iterator[str]:
    trained = methods[methods["trainable_m"] != 0]
    counts = sorted({int(n) for n in trained["n_seeds"] if n > 0})
    if counts:
        yield f"Numbers are means over seeds (n = {', '.join(map(str, counts))})."
    if "seeds" in set(table["interval_over"]):
        yield "± is half the 95 % Student t interval over seeds; it does not cover the choice of test subjects."
    if len(trained) < len(methods):
        yield "A row with nothing to train has one run, which is the same for every seed."
    if 1 in counts:
        yield "A row with n = 1 seed does not tell how much it varies from seed to seed."
    single = table[table["interval_over"] == "subjects"]
    if len(single):
        few = sorted({int(n) for n in single["n_subjects"] if n < NARROW_CLUSTERS})
        narrow = f"; with {', '.join(map(str, few))} subjects it is somewhat too narrow" if few else ""
        yield (
            "[low, high] of a single run is the 95 % interval of a bootstrap over its clips, the clips of a subject "
            f"drawn together; it does not cover the choice of the seed{narrow}."
        )
    if ((table["n_seeds"] == 1) & (table["interval_over"] == "")).any():
        yield (
            f"A single run without an interval has fewer than {FEWEST_CLUSTERS} test subjects, or no predictions "
            "beside its record."
        )


def _about_differences(methods: pd.DataFrame, table: pd.DataFrame) -> Iterator[str]:
    compared = methods[methods["diff_over"] != ""]
    judged = compared[compared["p_holm"].notna()]
    if len(judged):
        yield (
            "Difference: top-1 minus that of FG-SGL with the same seeds and protocol, in percentage points: mean of "
            "the paired differences ± half their simultaneous t interval over seeds, which holds for all rows of the "
            "board together and does not cover the choice of test subjects."
        )
        yield from _about_families(table)
        yield from _verdicts(judged)
        yield (
            "d_z: mean over standard deviation of the paired differences; Wins: percent of the pairs that the row "
            "wins, ties half (intervals, and the exact sign-flip p, in the CSV and the HTML)."
        )
    yield from _about_sign_flips(judged)
    yield from _about_seeds_and_subjects(table)
    if "subjects" in set(compared["diff_over"]):
        yield (
            "Difference [low, high]: of two single runs on the same clips, with a bootstrap of whole subjects. It and "
            "the p over subjects tell these two trained models apart, and nothing of the methods: there is no verdict "
            f"below {FEWEST_SEEDS} seeds. McNemar's p over clips, which ignores subjects, is in the CSV and the HTML."
        )
    few = compared[(compared["diff_over"] == "seeds") & (compared["n_pairs"] < FEWEST_SEEDS)]
    if len(few):
        yield f"No verdict where there are fewer than {FEWEST_SEEDS} seeds: {listed(list(few['label']))}."
    if len(methods) and not len(compared) and not (methods["diff_note"] != "").any():
        yield "No row is compared: FG-SGL and another method are not both finished under one protocol."
    yield from _about_rows_not_compared(methods)


def _about_families(table: pd.DataFrame) -> Iterator[str]:
    defaults = np.array([not row_key(row).is_tuned for row in table.itertuples()])
    sizes = table[defaults & (table["contrast"] != "")].groupby("contrast")["family"].max()
    primary, exploratory = (int(sizes.get(name, 0)) for name in (PRIMARY, EXPLORATORY))
    test = "p: paired t test over seeds, two-sided, adjusted by Holm over "
    rest = "A row counts whether its cells are done, failed or planned."
    if not primary:
        # With classes held out, contrasts may have been declared that this board does not judge as such.
        why = "none of them is primary" if "unseen" in table else "none was declared primary before it ran"
        yield f"{test}all {exploratory} contrasts of this board: {why}. {rest}"
    elif not exploratory:
        yield f"{test}the {primary} primary contrasts, which the plan declared before they ran. {rest}"
    else:
        yield (
            f"{test}a family of its kind: the {primary} primary contrasts, which the plan declared before they ran, "
            f"and the {exploratory} exploratory ones. The first have {PRIMARY_SHARE:.0%} of the error rate and the "
            f"others the rest, so that of all boards without a difference at most {LEVEL:.0%} claim one. {rest}"
        )


def _verdicts(judged: pd.DataFrame) -> Iterator[str]:
    """Which rows differ from the reference, each kind of contrast in a sentence."""
    found = judged[judged["p_holm"] <= LEVEL]
    for kind in (PRIMARY, EXPLORATORY):
        labels = list(found.loc[found["contrast"] == kind, "label"])
        if (judged["contrast"] == kind).any():
            yield f"Differs from FG-SGL, {kind} contrasts (p at most {LEVEL:g}): {'; '.join(labels) or 'none'}."


def _about_sign_flips(judged: pd.DataFrame) -> Iterator[str]:
    for n in sorted({int(n) for n in judged["n_pairs"]}):
        how = "the smallest p of random patterns" if n > MOST_EXACT else "the smallest p"
        short = f"; {fewest_pairs()} are the fewest that can go below {LEVEL:g}" if smallest_p(n) > LEVEL else ""
        yield (
            f"The exact sign-flip test beside it, not adjusted: with n = {n} seeds {how} is {smallest_p(n):.2g}{short}."
        )


def _about_seeds_and_subjects(table: pd.DataFrame) -> Iterator[str]:
    parts = [
        f"{row.label} {number(100 * row.top1)} [{number(100 * row.top1_both_low)}, {number(100 * row.top1_both_high)}]"
        for row in table.itertuples()
        if math.isfinite(row.top1_both_low)
    ]
    parts += [
        f"{row.label} {number(row.diff_top1, sign='+')} [{number(row.diff_both_low, sign='+')}, "
        f"{number(row.diff_both_high, sign='+')}]"
        for row in table.itertuples()
        if math.isfinite(row.diff_both_low)
    ]
    if parts:
        yield (
            "95 % intervals over seeds and test subjects (crossed), each alone; top-1 of FG-SGL, differences of the "
            f"primary contrasts: {'; '.join(parts)}."
        )


def _about_tuned_differences(tuned: pd.DataFrame) -> Iterator[str]:
    compared = tuned[tuned["diff_over"] != ""]
    if len(compared):
        yield (
            "Difference of a tuned row: top-1 minus that of its own method with the default settings, over pairs as in "
            f"the other rows; p adjusted by Holm over a family of its own, the {len(compared)} compared tuned row(s)."
        )
    found = compared.loc[compared["p_holm"] <= LEVEL, "label"]
    if len(found):
        yield f"Differs from its method's default (p at most {LEVEL:g}): {'; '.join(found)}."
    yield from _about_rows_not_compared(tuned)


def _about_rows_not_compared(methods: pd.DataFrame) -> Iterator[str]:
    labels = defaultdict(list)
    for row in methods[methods["diff_note"] != ""].itertuples():
        labels[row.diff_note].append(row.label)
    for reason, of in labels.items():
        yield f"{', '.join(of)}: {reason}."


def _about_ties(table: pd.DataFrame) -> Iterator[str]:
    scored = table[(table["kind"] == "method") & (table["n_seeds"] > 0)]
    if (scored["tied"] != "").any():
        yield (
            "Tied: rows of a protocol that share a letter cannot be told apart (paired t tests over the seeds of all "
            "pairs of rows, which lean on the differences being normal; adjusted by Holm, p above 0.05). No letter: "
            "other seeds or data than the reference's."
        )
    if scored["tied"].str.isupper().any():
        yield "Tied, in capitals: the same among the tuned rows, which only stand against each other."
    if len(scored) and scored.groupby(["protocol", scored["variant"] == TUNED]).size().max() > MOST_TIED:
        yield f"No groups of ties among the rows of a protocol that has more than {MOST_TIED} of them."


def _about_identical_rows(table: pd.DataFrame, identical: Sequence[IdenticalRows]) -> Iterator[str]:
    labels = {row_key(row): row.label for row in table.itertuples()}
    for group in identical:
        seeds = f"seed{'s' * (len(group.seeds) > 1)} {', '.join(map(str, group.seeds))}"
        rows = listed([labels[key] for key in group.rows])
        if group.same_scores:
            yield f"{rows}: every score of {seeds} is the same to the bit: what differs between them did nothing."
        else:
            yield f"{rows}: every clip of {seeds} gets the same answer, from other scores."


def _about_protocols(table: pd.DataFrame) -> Iterator[str]:
    hashes = sorted(set(table["protocol"]))
    if len(hashes) > 1:
        yield f"Rows under different protocols ({', '.join(hashes)}) stand apart and must not be compared."
    else:
        yield f"Protocol {hashes[0]}."
