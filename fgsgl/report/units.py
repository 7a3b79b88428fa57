"""Units in the headers of CSV files: ``_pct`` for percent, ``_points`` for a difference in percentage points."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd


def with_units(
    table: pd.DataFrame, *, shares: Iterable[str] = (), percents: Iterable[str] = (), points: Iterable[str] = ()
) -> pd.DataFrame:
    """The table with the unit in the name of each column that has one.

    Args:
        table: with these columns, in any order.
        shares: columns from 0 to 1, which become percent.
        percents: columns in percent.
        points: differences in percentage points.
    """
    shares = list(shares)
    names = {name: f"{name}_pct" for name in (*shares, *percents)} | {name: f"{name}_points" for name in points}
    return table.assign(**{name: 100 * table[name] for name in shares}).rename(columns=names)
