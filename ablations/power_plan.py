"""Planning a design before it runs: its rows, the offer of its half, and how many seeds it needs."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fgsgl.ablations.designs import MANY_CELLS, AblationDesign, design
from fgsgl.records.plan_file import MOST_PRIMARY
from fgsgl.records.record import Done
from fgsgl.records.row_key import FULL
from fgsgl.stats.families import judge


def describe_design(one: AblationDesign, seeds: int) -> Iterator[str]:
    """Sentences on a design: its rows, the aliases of a half, and the offer of a half if the whole is large."""
    n_cells = len(one.variants) * seeds
    yield f"{one.title}: {len(one.arms)} arms in {len(one.variants)} rows, {n_cells} cells"
    if one.aliases:
        yield f"not told apart by this half: {'; '.join(one.aliases)}"
    elif one.name == "factorial" and len(one.factors) > 2 and n_cells > MANY_CELLS:
        half = design("factorial", one.factors, half=True)
        yield (
            f"more than {MANY_CELLS} cells; --half makes {len(half.variants) * seeds} of it, "
            f"which do not tell apart: {'; '.join(half.aliases)}"
        )


def describe_shared_rows(designs: Sequence[AblationDesign], seeds: int) -> Iterator[str]:
    """A sentence on how many rows several designs have together; none for a single design."""
    if len(designs) > 1:
        n_rows = len({row.name for one in designs for row in one.variants})
        yield f"all {len(designs)} designs: {n_rows} rows, {n_rows * seeds} cells; a row that several share is run once"


def describe_seeds(
    designs: Sequence[AblationDesign],
    records: Iterable[Done],
    protocol_hash: str,
    difference: float,
    power: float,
    seeds: int,
) -> Iterator[str]:
    """Sentences on how many paired seeds a difference needs: by itself, and as one of those that the designs compare.

    The spread of the paired differences is taken from the records.

    Args:
        designs: the planned designs.
        records: finished records of any method and protocol.
        protocol_hash: hash of the planned protocol.
        difference: the difference to be found, in top-1 points.
        power: the chance to find it, between 0 and 1.
        seeds: the planned number of seeds.

    Raises:
        UserError: for a difference or a power that no number of seeds can reach.
    """
    from fgsgl.stats.power import power as chance
    from fgsgl.stats.power import seeds_needed

    wanted = f"a difference of {difference:g} top-1 point(s) is found with a chance of {power:g}"
    rows = paired_differences(records, protocol_hash)
    if not rows or not (sd := pooled_sd(rows)):
        yield f"{wanted} by an unknown number of seeds: no row has two on record beside FG-SGL"
        return
    sds = [pooled_sd([row]) for row in rows]
    yield (
        f"{wanted} by {seeds_needed(difference, sd, power)} paired seeds, and with one of "
        f"{chance(seeds, difference, sd):.2f} by the {seeds} of this plan (one comparison by itself)"
    )
    for kind, count, level in families(designs):
        yield (
            f"as one of {count} {kind} contrasts, with p adjusted: by {seeds_needed(difference, sd, power, level)}, "
            f"and with a chance of {chance(seeds, difference, sd, level):.2f} by {seeds}"
        )
    yield (
        f"this takes the paired differences to FG-SGL to spread as on record: sd {sd:.2f} points, pooled over "
        f"{sum(map(len, rows))} pairs of {len(rows)} row(s), whose own are {min(sds):.2f} to {max(sds):.2f}"
    )


def families(designs: Sequence[AblationDesign]) -> Iterator[tuple[str, int, float]]:
    """Primary and exploratory contrasts of the designs together: how many they are, and the level of each."""
    n_rows = len({row.name for one in designs for row in one.variants} - {FULL})
    primary_M = [place < MOST_PRIMARY for place in range(n_rows)]
    error_M = judge([math.nan] * n_rows, primary_M).error_M
    if n_rows:
        yield "primary", sum(primary_M), float(error_M[0])
    if n_rows > MOST_PRIMARY:
        yield "exploratory", n_rows - MOST_PRIMARY, float(error_M[-1])


def paired_differences(records: Iterable[Done], protocol_hash: str) -> list[list[float]]:
    """The paired differences to FG-SGL in top-1 points, for each row with two or more pairs."""
    rows: dict[str, dict[tuple[int, str], float]] = defaultdict(dict)
    for record in records:
        if record.method == "fgsgl" and record.protocol_hash == protocol_hash:
            rows[record.variant][record.seed, record.data.fingerprint] = 100 * record.metrics.top1
    reference = rows.pop(FULL, {})
    pairs = [[value - reference[seed] for seed, value in row.items() if seed in reference] for row in rows.values()]
    return [differences for differences in pairs if len(differences) > 1]


def pooled_sd(rows: Sequence[Sequence[float]]) -> float:
    """Standard deviation within rows, pooled over rows of two or more values each."""
    squares = sum((value - statistics.mean(row)) ** 2 for row in rows for value in row)
    return math.sqrt(squares / sum(len(row) - 1 for row in rows))
