"""The ablations as people read them: ``ablation.md``, ``ablation.csv``, and the sentences under each table."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from fgsgl.records.plan_file import MOST_PRIMARY, PlannedCell, title_of
from fgsgl.records.record import Record
from fgsgl.report.ablations.evaluate import MARGIN, NAME, PAIRED, SAID, TESTED, Ablation
from fgsgl.report.board.board import REFERENCE, WINS
from fgsgl.report.board.comparisons import PRIMARY
from fgsgl.report.csv_text import csv_text
from fgsgl.report.formatting import EMPTY, markdown_table, number, numeric_headings, p_equals, p_text
from fgsgl.report.units import with_units
from fgsgl.stats.families import PRIMARY_SHARE
from fgsgl.stats.seeds import LEVEL, smallest_p
from fgsgl.util.escaping import markdown_text, printable

ARMS = ("Arm", "n", "Top-1 %", "Difference", "Contrast", "p (Holm)", "d_z", "Wins", f"Within ±{MARGIN:g}")
EFFECTS = ("Factor", "Main effect", "p (Holm)", "Shapley value", "One-out", "One-in")
INTERACTIONS = ("Factors", "Interaction", "p (Holm)")
POINTS = ("diff_top1", "half_width", "sim_half_width", "effect", "low", "high", "sim_low", "sim_high")
"""Columns of the CSV in percentage points."""


def markdown(ablations: Sequence[Ablation]) -> str:
    """One section a design, with its tables and notes."""
    lines = ["# Ablations", ""]
    for ablation in ablations:
        lines += [f"## {markdown_text(title(ablation))}", ""]
        lines += [*markdown_table(numeric_headings(ARMS, texts=1), arm_rows(ablation)), ""]
        if ablation.effects is not None:
            mains, interactions = effect_rows(ablation)
            lines += [*markdown_table(numeric_headings(EFFECTS, texts=1), mains), ""]
            if interactions:
                lines += [*markdown_table(numeric_headings(INTERACTIONS, texts=1), interactions), ""]
        lines += [*(f"- {markdown_text(sentence)}" for sentence in notes(ablation)), ""]
    return "\n".join(lines)


def csv(ablations: Sequence[Ablation]) -> str:
    """One line an arm and one an effect, of every design."""
    parts = []
    for ablation in ablations:
        arms = ablation.arms.assign(kind="arm", off=[", ".join(off) for off in ablation.arms["off"]])
        frames = [arms]
        if ablation.effects is not None:
            frames.append(ablation.effects.assign(n=len(ablation.seeds)))
        parts += [f.assign(design=title(ablation), protocol=ablation.protocol_hash) for f in frames]
    columns = ["design", "protocol", "kind", "off", "variant", "label", *PAIRED, *SAID, "factor", "effect"]
    columns += ["low", "high", "sim_low", "sim_high"]
    table = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    table = table.rename(columns={"mean": "top1", "difference": "diff_top1"})
    return csv_text(with_units(table, shares=WINS, percents=("top1",), points=POINTS))


def title(ablation: Ablation) -> str:
    """``factorial over fgsa, cpa``; of a regime, ``factorial over fgsa, cpa (4 unseen classes, fold 1)``."""
    regime = f" ({ablation.regime})" if ablation.regime else ""
    return printable(title_of(ablation.design, ablation.factors, ablation.aliases) + regime)


def effect_rows(ablation: Ablation) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """The cells of the tables ``EFFECTS`` and ``INTERACTIONS``; none but of a factorial."""
    table = ablation.effects
    if table is None:
        return [], []
    by_kind = {kind: rows.set_index("factor") for kind, rows in table.groupby("kind")}
    mains: list[tuple[str, ...]] = []
    for factor, row in by_kind["main"].iterrows():
        others = [by_kind[kind].loc[factor] if kind in by_kind else None for kind in ("shapley", "one_out", "one_in")]
        mains.append((str(factor), _effect(row), p_text(row["p_holm"]), *map(_effect, others)))
    pairs = by_kind["interaction"].iterrows() if "interaction" in by_kind else ()
    interactions: list[tuple[str, ...]] = [(str(pair), _effect(row), p_text(row["p_holm"])) for pair, row in pairs]
    return mains, interactions


def arm_rows(ablation: Ablation) -> list[tuple[str, ...]]:
    """The cells of the table ``ARMS``: each row once, whatever the number of arms that share it."""
    return [_arm(row) for row in _distinct(ablation).itertuples()]


def _distinct(ablation: Ablation) -> pd.DataFrame:
    return ablation.arms.drop_duplicates("variant")


def _arm(row: Any) -> tuple[str, ...]:
    texts = (row.label, str(int(row.n)), number(row.mean), _plus_minus(row.difference, row.sim_half_width))
    if math.isnan(row.difference):
        return (*texts, row.contrast or EMPTY, *[EMPTY] * 4)
    wins = f"{100 * row.wins:.0f} % ({100 * row.wins_low:.0f}–{100 * row.wins_high:.0f})"
    p_holm, d_z, same = p_text(row.p_holm), number(row.d_z, 2, "+"), _verdict(row.equivalent_p)
    return (*texts, row.contrast or EMPTY, p_holm, d_z, wins, same)


def _verdict(p: float) -> str:
    if math.isnan(p):
        return EMPTY
    return f"{'yes' if p <= LEVEL else 'not shown'} ({p_equals(p)})"


def _effect(row: pd.Series | None) -> str:
    return EMPTY if row is None else _plus_minus(row["effect"], row["sim_high"] - row["effect"])


def _plus_minus(value: float, half: float) -> str:
    return number(value, 2, "+") + ("" if math.isnan(half) else f" ± {half:.2f}")


def notes(ablation: Ablation) -> tuple[str, ...]:
    """Sentences under the tables of a design: what they are means over, and what they cannot show."""
    parts = (_about_arms(ablation), _about_effects(ablation), _about_gaps(ablation), ablation.origins)
    return tuple(printable(sentence) for part in parts for sentence in part)


def _about_arms(ablation: Ablation) -> Iterator[str]:
    compared = _distinct(ablation).dropna(subset=["difference"])
    yield (
        f"Difference: top-1 of the arm minus that of {ablation.reference} with the same seed, in points; mean ± half "
        "its simultaneous t interval over seeds."
    )
    judged = f"over the {ablation.family} comparisons of this design, done or not; the first {MOST_PRIMARY} are primary"
    if ablation.reference == NAME:
        judged = "over all rows of the board, as on the leaderboard, which says which contrasts were declared primary"
    yield f"p: paired t test over seeds, two-sided, adjusted {judged}."
    for n in sorted({int(n) for n in compared["n"]}):
        yield f"The exact sign-flip p, not adjusted, is in the CSV; with n = {n} its smallest is {smallest_p(n):.2g}."
    yield (
        "d_z: mean over standard deviation of the paired differences. Wins: probability that the arm beats the "
        "reference with the same seed (ties half), and its 95 % interval. Within: two one-sided t tests that the "
        f"difference is smaller than {MARGIN:g} point, at {LEVEL:g}, not adjusted; what is not shown may still hold."
    )
    differs, same = compared["p_holm"] <= LEVEL, compared["equivalent_p"] <= LEVEL
    for reason, rows in _distinct(ablation).groupby("note"):
        if reason:
            yield f"{'; '.join(rows['label'])}: {reason}."
    for told, what in (
        (differs, f"Differs from {ablation.reference} (adjusted p at most {LEVEL:g})"),
        (same, f"No difference larger than {MARGIN:g} point"),
        (~differs & ~same, "Cannot be told"),
    ):
        if told.any():
            yield f"{what}: {'; '.join(compared.loc[told, 'label'])}."
    n_arms, n_rows = len(ablation.arms), len(_distinct(ablation))
    if n_rows < n_arms:
        yield f"{n_arms} arms in {n_rows} rows; the rest computes what one of these does: {_shared(ablation)}."


def _shared(ablation: Ablation) -> str:
    """Factors by which arms without their own row differ from the row that stands for them."""
    offs = _distinct(ablation).set_index("variant")["off"]
    changes: Counter[str] = Counter()
    for arm in ablation.arms[ablation.arms.duplicated("variant")].itertuples():
        more = [f"without {name}" for name in arm.off if name not in offs[arm.variant]]
        less = [f"with {name}" for name in offs[arm.variant] if name not in arm.off]
        changes[" and ".join(more + less)] += 1
    return ", ".join(f"{change}{f' ({count} arms)' * (count > 1)}" for change, count in changes.items())


def _about_effects(ablation: Ablation) -> Iterator[str]:
    table, n = ablation.effects, len(ablation.seeds)
    if table is None:
        if ablation.design == "factorial":
            yield "No effects yet: every arm needs the same seeds."
        return
    n_tested, n_primary = int(table["kind"].isin(TESTED).sum()), int((table["contrast"] == PRIMARY).sum())
    yield (
        f"Effects are of having the factor, in points, over the {n} seed{'s' * (n > 1)} that every arm has: mean ± "
        "half its simultaneous t interval. Main effect: mean with the factor minus mean without. Interaction: what a "
        "factor is worth with the other minus without it. Shapley value: what it adds, over all orders of adding. "
        "One-out: all minus all but it. One-in: it alone minus none."
    )
    yield (
        f"p of effects: paired t test over seeds, adjusted by Holm; {n_primary} main effects are primary and have "
        f"{PRIMARY_SHARE:.0%} of the error rate, the {n_tested - n_primary} others of this design are exploratory."
    )
    found = table[(table["kind"] == "hidden") & (table["p_holm"] <= LEVEL)].set_index("factor")
    shapley = table[table["kind"] == "shapley"].set_index("factor")["effect"]
    hidden = [name for name, row in found.iterrows() if row["effect"] * shapley[name] > 0]
    if hidden:
        listed = (
            f"{name} ({number(found.loc[name, 'effect'], 2, '+')}, p {p_text(found.loc[name, 'p_holm'])})"
            for name in hidden
        )
        yield (
            f"Hidden by one-out: {', '.join(listed)}: its Shapley value is larger by as much, since other factors "
            "stand in for it where it is taken out alone."
        )
    if ablation.aliases:
        yield f"This half cannot tell apart: {'; '.join(ablation.aliases)}."


def _about_gaps(ablation: Ablation) -> Iterator[str]:
    labels = {row.variant or REFERENCE[1]: row.label for row in _distinct(ablation).itertuples()}
    gaps: dict[str, Sequence[PlannedCell | Record]] = {
        "planned, without a record": ablation.missing, "failed": ablation.failed,
    }  # fmt: skip
    for what, cells in gaps.items():
        seeds = defaultdict(list)
        for cell in sorted(cells, key=lambda cell: cell.seed):
            seeds[labels.get(cell.variant, cell.variant)].append(str(cell.seed))
        if seeds:
            listed = "; ".join(f"{name}: seed {', '.join(numbers)}" for name, numbers in seeds.items())
            yield f"{len(cells)} cell{'s' * (len(cells) > 1)} {what}: {listed}."
    waiting = {cell.variant for cells in gaps.values() for cell in cells}
    rows = _distinct(ablation)
    without = rows[(rows["n"] == 0) & ~rows["variant"].replace("", REFERENCE[1]).isin(waiting)]
    if len(without):
        yield f"No cell that can be compared, the board says why: {'; '.join(without['label'])}."
