"""Published numbers of the real data sets: read beside a board, never ranked or tested with it.

``published.csv`` holds one figure a row as its source prints it (percent), with what is unsure about it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from fgsgl.records.protocol import Protocol

TABLE = Path(__file__).with_name("published.csv")
SHARES = ("top1", "top5", "f1_mean")


def published(protocols: Iterable[Protocol]) -> pd.DataFrame:
    """The rows of these protocols' data sets, in the file's order and with its columns.

    All were measured on test clips after training on the data set's own training clips, whole: a protocol that holds
    classes out, takes few clips, trains on other data or scores validation clips has none. A number that the source
    does not give is NaN. A data set without published numbers, such as SynMG, has no row.
    """
    names = {one.dataset for one in protocols if not one.training_title and one.scored_split == "test"}
    table = pd.read_csv(TABLE, keep_default_na=False, na_values={name: [""] for name in SHARES})
    return table[table["dataset"].isin(list(names))].reset_index(drop=True)


def published_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Sentences under the published rows that are shown."""
    if table.empty:
        return ()
    unsure = int((table["caveat"] != "").sum())
    sources = table["source"].nunique()
    derived = int(table["source"].str.startswith("derived").sum())
    but = f", but for {derived} derived from what is printed (their source says how)" if derived else ""
    return (
        f"{len(table)} published numbers from {sources} sources, in percent as printed there{but}; {unsure} carry a "
        "caveat.",
        "None was measured here: splits, input, frames, pretraining and views differ from this board's protocol and "
        "among each other. They take no part in any difference, test or group above.",
    )
