"""A table as the text of a CSV file."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fgsgl.util.escaping import no_formula, printable_lines


def csv_text(table: pd.DataFrame, digits: int | None = None) -> str:
    """Every column of the table, without its index; a missing value is empty.

    Args:
        table: a text in it, or a column's name, that a spreadsheet would run as a formula is led by an apostrophe, and
            control characters are blanked, of which a carriage return would end the row for some readers.
        digits: significant digits of its numbers; None: all.
    """
    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    guarded = table.assign(**{name: table[name].map(_guarded) for name in texts})
    return guarded.rename(columns=_guarded).to_csv(
        index=False, lineterminator="\n", float_format=digits and f"%.{digits}g"
    )


def _guarded(value: Any) -> Any:
    return no_formula(printable_lines(value)) if isinstance(value, str) else value
