"""Overlap between the splits of a board's data, by the audits in its records (:mod:`fgsgl.data.audit`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec.structs import asdict

from fgsgl.records.record import Done

NOUNS = {"clip_ids": "clip id", "subjects": "subject", "videos": "file content"}
"""Things that may stand in more than one split."""
NAMING = "sentences"


def splits_of(scored: Iterable[Done]) -> dict[tuple[str, str, str], list[Done]]:
    """The records of each data set, preset and set of test clips on a board, in this order."""
    groups: dict[tuple[str, str, str], list[Done]] = {}
    for record in scored:
        key = record.protocol.dataset, record.protocol.preset, record.data.split_sha256
        groups.setdefault(key, []).append(record)
    return dict(sorted(groups.items()))


def largest_counts(records: Sequence[Done]) -> dict[str, int | None] | None:
    """The largest count of each kind in the audits of these records; ``sentences`` is None where none read any text.

    None if no record has an audit, as in older versions.
    """
    audits = [asdict(record.data.audit) for record in records if record.data.audit is not None]
    if not audits:
        return None
    found = {name: [audit[name] for audit in audits if audit[name] is not None] for name in (*NOUNS, NAMING)}
    return {name: max(counts, default=None) for name, counts in found.items()}


def audit_summary(records: Sequence[Done]) -> str:
    """The counts for the CSV: ``clip_ids 0, subjects 8, videos 1``; empty without an audit."""
    return ", ".join(f"{name} {count}" for name, count in (largest_counts(records) or {}).items() if count is not None)


def splits_share(records: Sequence[Done]) -> str:
    """The things that stand in several splits of these records' data: ``8 subjects, 1 file content``; empty if none."""
    found = largest_counts(records) or {}
    return ", ".join(_counted(count, noun) for name, noun in NOUNS.items() if (count := found.get(name)))


def audit_sentence(data: str, records: Sequence[Done]) -> str:
    """The sentence under a board on what its splits share."""
    found = largest_counts(records)
    if found is None:
        return f"No audit of {data}: its records are older than the audit."
    *first, last = (_counted(found[name], noun) for name, noun in NOUNS.items())
    text = f"Audit of {data}: {', '.join(first)} and {last} (SHA-256) stand in more than one split"
    if found[NAMING] is not None:
        text += f"; {_counted(found[NAMING], 'sentence')} of FG-Text say the name of their class"
    return f"{text}. What is shared may make scores too good." if any(found.values()) else f"{text}."


def openings_sentence(data: str, records: Sequence[Done]) -> str:
    """The sentence under a board on how often its test split was opened.

    A record of an older version, which did not count, counts once.
    """
    counts = {record.cell_id: record.test_openings for record in records}.values()
    times = _counted(sum(1 if count is None else count for count in counts), "time")
    return (
        f"The test split of {data} was opened {'at least ' * (None in counts)}{times}, to evaluate "
        f"{_counted(len(counts), 'cell')}."
    )


def _counted(count: int | None, noun: str) -> str:
    return f"{count or 'no'} {noun}{'s' * (count != 1)}"
