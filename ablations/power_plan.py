"""What a person should know of a design before it runs: its rows, its half, and how many seeds it needs."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from fgsgl.ablations.designs import MANY_CELLS, Design, design

from fgsgl.records.record import Record
from fgsgl.records.row_key import FULL


def describe(one: Design, seeds: int) -> Iterator[str]:
    """The design's rows; what half of it cannot tell apart; the offer of the half where the whole is dear."""
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


def shared(designs: Sequence[Design], seeds: int) -> Iterator[str]:
    """How many rows several designs have together: what they share is run once."""
    if len(designs) > 1:
        n_rows = len({row.name for one in designs for row in one.variants})
        yield f"all {len(designs)} designs: {n_rows} rows, {n_rows * seeds} cells; a row that several share is run once"


def seeds_wanted(
    designs: Sequence[Design],
    records: Iterable[Record],
    protocol_hash: str,
    difference: float,
    power: float,
    seeds: int,
) -> Iterator[str]:
    """How many paired seeds a difference needs, by the spread of the pairs on record; and what Holm's family costs.

    Args:
        designs: what is planned.
        records: of any method and protocol.
        protocol_hash: of the plan.
        difference: in top-1 points.
        power: the chance to find it.
        seeds: how many are planned.

    Raises:
        UserError: for a difference or a power that has no number of seeds.
    """
    from fgsgl.stats.power import power as chance
    from fgsgl.stats.power import seeds_needed
    from fgsgl.stats.seeds import LEVEL, fewest_pairs

    wanted = f"a difference of {difference:g} top-1 point(s) is found with a chance of {power:g}"
    rows = paired_differences(records, protocol_hash)
    if rows and (sd := pooled_sd(rows)):
        sds = [pooled_sd([row]) for row in rows]
        yield (
            f"{wanted} by {seeds_needed(difference, sd, power)} paired seeds, and with one of "
            f"{chance(seeds, difference, sd):.2f} by the {seeds} of this plan (one comparison, not adjusted by Holm)"
        )
        yield (
            f"this takes the paired differences to FG-SGL to spread as on record: sd {sd:.2f} points, pooled over "
            f"{sum(map(len, rows))} pairs of {len(rows)} row(s), whose own are {min(sds):.2f} to {max(sds):.2f}"
        )
    else:
        yield f"{wanted} by an unknown number of seeds: no row has two on record beside FG-SGL"
    for one in designs:
        family = len(one.variants) - 1
        yield (
            f"{one.name}: {fewest_pairs(family)} seeds are the fewest with which any of its {family} comparisons can "
            f"reach p < {LEVEL:g} (Holm over the {family})"
        )


def paired_differences(records: Iterable[Record], protocol_hash: str) -> list[list[float]]:
    """The paired differences to FG-SGL, in points, of each row that has two or more of them."""
    rows: dict[str, dict[tuple[int, str], float]] = defaultdict(dict)
    for record in records:
        if record.method == "fgsgl" and record.protocol_hash == protocol_hash:
            rows[record.variant][record.seed, record.data.fingerprint] = 100 * record.metrics.top1
    reference = rows.pop(FULL, {})
    pairs = [[value - reference[seed] for seed, value in row.items() if seed in reference] for row in rows.values()]
    return [differences for differences in pairs if len(differences) > 1]


def pooled_sd(rows: Sequence[Sequence[float]]) -> float:
    """Standard deviation within rows of two or more values, each about its own mean."""
    squares = sum((value - statistics.mean(row)) ** 2 for row in rows for value in row)
    return math.sqrt(squares / sum(len(row) - 1 for row in rows))
