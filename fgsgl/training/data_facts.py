"""Facts about the data in a record: counts and audit over the clips that are used, and the clips left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fgsgl.data.audit import audit
from fgsgl.data.cache.frame_cache import check_folder, open_cache
from fgsgl.data.check import read_fingerprint
from fgsgl.data.clip_table import SPLITS, Clip, ClipTable, labels_of
from fgsgl.data.joined_table import joined_fingerprint, parts_of
from fgsgl.data.skeletons import skeletons_of
from fgsgl.methods.cell import Cell
from fgsgl.records.record import Audit, DataFacts, SkippedClip, SplitCounts, labels_sha256, scored_sha256
from fgsgl.text.draft import draft_sentence
from fgsgl.text.fgtext import load as load_text


def class_counts(clips: Sequence[Clip], n_classes: int) -> np.ndarray:
    """``count_C``: the clips of each class.

    Raises:
        UserError: for a clip whose label is hidden.
    """
    return np.bincount(labels_of(clips), minlength=n_classes)


def bad_clips(cell: Cell, table: ClipTable) -> dict[str, str]:
    """The clips whose video cannot be read, each with the reason."""
    return open_cache(table, cell.protocol.num_frames, cell.protocol.image_size).bad


def data_facts(cell: Cell, table: ClipTable, skipped: Mapping[str, str]) -> DataFacts:
    """The data of a finished cell.

    The sentences that belong under the board are those of the table and, for a method that reads them, of skeletons and
    of FG-Text that is a draft.

    Args:
        cell: names the scored split and what its method reads.
        table: all clips.
        skipped: clips left out, each with the reason.
    """
    method = cell.method
    used = [clip for clip in table.clips if clip.clip_id not in skipped]
    by_split = {split: [clip for clip in used if clip.split == split] for split in SPLITS}
    scored = by_split[cell.protocol.scored_split]
    counts_C = class_counts(scored, len(table.classes))
    read = parts_of(table) if method.modality == "skeleton" else ()
    of_skeletons = dict.fromkeys(caveat for part in read for caveat in skeletons_of(part.dataset).caveats)
    text = load_text(cell.text) if method.reads_text else None
    trained_text = [load_text(cell.trained_text)] if method.reads_text and cell.trained_text else []
    of_text = [draft for one in (text, *trained_text) if one and (draft := draft_sentence(one))]
    found = audit(used, table.contents, text)
    return DataFacts(
        fingerprint=table.fingerprint(),
        classes=list(table.classes),
        caveats=[*table.caveats, *of_skeletons, *of_text],
        checked=_checked(table),
        parts=[part.fingerprint() for part in table.parts],
        name=table.name or None,
        audit=Audit(**found._asdict()),
        n_clips=SplitCounts(**{split: len(clips) for split, clips in by_split.items()}),
        trained_classes=list(table.trained_classes) if table.tests_other_classes else [],
        train_clips=class_counts(by_split["train"], len(table.trained_classes)).tolist(),
        n_subjects=SplitCounts(**{split: len({clip.subject for clip in clips}) for split, clips in by_split.items()}),
        majority=float(counts_C.max() / max(1, counts_C.sum())),
        split_sha256=scored_sha256([clip.clip_id for clip in scored]),
        split_labels_sha256=labels_sha256([clip.clip_id for clip in scored], labels_of(scored)),
        split_content_sha256=scored_sha256(
            f"{clip.clip_id} {clip.start_frame} {clip.end_frame} {table.contents[clip.video]}" for clip in scored
        ),
        skipped=[
            SkippedClip(clip_id=clip.clip_id, split=clip.split, reason=skipped[clip.clip_id])
            for clip in table.clips
            if clip.clip_id in skipped
        ],
    )


def _checked(table: ClipTable) -> str | None:
    """Fingerprint of the check of the data; None where they, or one part of a joined table, have not been checked."""
    found = [fingerprint for part in parts_of(table) if (fingerprint := read_fingerprint(check_folder(part)))]
    return joined_fingerprint(found) if len(found) == len(parts_of(table)) else None
