"""What a person should know of a design before it runs: its rows, its half, and how many seeds it needs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ablations.designs import MANY_CELLS, design
from fgsgl.bench.cell import FULL
from fgsgl.bench.design import Design
from fgsgl.bench.record import Record


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


def seeds_wanted(
    designs: Sequence[Design], records: Iterable[Record], protocol_hash: str, difference: float, power: float
) -> Iterator[str]:
    """How many paired seeds a difference needs, by the spread of the pairs on record; and what Holm's family costs.

    Raises:
        UserError: for a difference or a power that has no number of seeds.
    """
    from fgsgl.stats.power import seeds_needed
    from fgsgl.stats.seeds import LEVEL, fewest_pairs

    spread, n_pairs, n_rows = paired_sd(records, protocol_hash)
    wanted = f"a top-1 difference of {difference:g} (points), with power {power:g},"
    if spread:
        needed = seeds_needed(difference, spread, power)
        yield (
            f"{wanted} needs {needed} seeds in one comparison (paired differences on record: "
            f"sd {spread:.2f} over {n_pairs} pairs, {n_rows} row(s))"
        )
    else:
        yield f"{wanted} needs an unknown number of seeds: no row has two on record beside FG-SGL"
    for one in designs:
        family = len(one.variants) - 1
        yield (
            f"{one.name}: with its {family} comparisons no Holm-adjusted p goes below {LEVEL:g} before "
            f"{fewest_pairs(family)} seeds"
        )


def paired_sd(records: Iterable[Record], protocol_hash: str) -> tuple[float, int, int]:
    """Standard deviation of the paired differences to FG-SGL, in points, pooled over the rows that have two or more.

    Returns:
        (sd; 0 where nothing is known, number of pairs, number of rows).
    """
    rows: dict[str, dict[tuple[int, str], float]] = defaultdict(dict)
    for record in records:
        if record.method == "fgsgl" and record.protocol_hash == protocol_hash:
            rows[record.variant][record.seed, record.data["fingerprint"]] = 100 * record.metrics["top1"]
    reference = rows.pop(FULL, {})
    pairs = [[value - reference[seed] for seed, value in row.items() if seed in reference] for row in rows.values()]
    pairs = [differences for differences in pairs if len(differences) > 1]
    freedom = sum(len(differences) - 1 for differences in pairs)
    squares = sum((value - sum(differences) / len(differences)) ** 2 for differences in pairs for value in differences)
    return math.sqrt(squares / freedom) if freedom else 0.0, sum(map(len, pairs)), len(pairs)
