"""`fgsgl report` of a folder of boards: ``README.md`` and ``index.html`` with the answer of each."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from fgsgl.report.board.board import Board, read_board
from fgsgl.report.regimes.evaluate import regimes
from fgsgl.report.regimes.render import regime_tables
from fgsgl.report.render.html import answers, tally
from fgsgl.report.render.tables import title
from fgsgl.util.errors import UserError
from fgsgl.util.escaping import markdown_text, printable
from fgsgl.util.files import read_if_there, write_whole

MARK = "<!-- Written by `fgsgl report`; it is written anew. -->"
HTML = Path(__file__).parent / "render" / "overview.html"
CSS = Path(__file__).parent / "render" / "page.css"
NO_BOARDS = ("ledger", "work", "figures", "trials")
"""Folders of a board; the last holds the trials of a search, which rank nothing."""
DEEPEST = 3
"""Folders below the given one in which a board is looked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A board in the list."""

    folder: str
    """Its path below the list's."""
    title: str
    tally: str
    """Its rows and cells; of a board that cannot be read, why."""
    answers: tuple[str, ...]
    newest: str
    """Day on which its last cell began."""
    written: frozenset[str]
    """Those of its board's files that lie there: ``html``, ``md``, ``csv``. Links lead to them alone."""

    @property
    def address(self) -> str:
        """Its folder as part of a link."""
        return quote(self.folder)


def board_folders(root: Path) -> list[Path]:
    """The folders of boards below a folder, itself left out; symbolic links are not followed."""

    def below(folder: Path, depth: int) -> Iterator[Path]:
        """The boards in a folder's folders, at most ``DEEPEST`` levels down, an outer one before those in it."""
        for path in sorted(folder.iterdir()):
            if path.is_symlink() or not path.is_dir() or path.name.startswith("."):
                continue
            if path.name in NO_BOARDS:
                continue
            if any((path / "ledger").glob("*.json")):
                yield path
            if depth < DEEPEST:
                yield from below(path, depth + 1)

    return list(below(root, 1))


def write_overview(root: Path) -> list[Entry]:
    """Writes ``README.md`` and ``index.html`` into a folder of boards, and returns the list.

    Raises:
        UserError: where no board lies below the folder, or its README.md was written by somebody else.
    """
    folders = board_folders(root)
    if not folders:
        raise UserError(f"{root} is no board, which has a folder ledger with records, and none lies below it")
    readme = root / "README.md"
    there = read_if_there(readme)
    if there is not None and not there.decode(errors="replace").startswith(MARK):
        raise UserError(f"{readme} was not written by this command, and is kept: move it away, and try again")
    entries = [_entry(root, folder) for folder in folders]
    write_whole(readme, markdown(entries))
    write_whole(root / "index.html", page(entries))
    return entries


def markdown(entries: list[Entry]) -> str:
    """The list as GitHub shows it."""
    lines = [MARK, "", "# Boards", ""]
    for entry in entries:
        name = markdown_text(entry.folder)
        heading = f"[{name}]({entry.address}/leaderboard.md)" if "md" in entry.written else name
        lines += [f"## {heading}", "", *(f"**{markdown_text(one)}**\n" for one in entry.answers)]
        lines += [
            f"{markdown_text(f'{entry.title}: {entry.tally}.')}{f' Last cell: {entry.newest}.' * bool(entry.newest)}"
        ]
        lines.append("")
    return "\n".join(lines)


def page(entries: list[Entry]) -> str:
    """The list as a page that loads nothing and runs no script."""
    style = CSS.read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = environment.from_string(HTML.read_text(encoding="utf-8"))
    return template.render(entries=entries, style=Markup(style), digest=f"sha256-{digest}")


def _entry(root: Path, folder: Path) -> Entry:
    name = printable(folder.relative_to(root).as_posix())
    written = frozenset(ending for ending in ("html", "md", "csv") if (folder / f"leaderboard.{ending}").is_file())
    try:
        board = read_board(folder)
    except UserError as error:
        return Entry(
            folder=name, title="not shown", tally=printable(str(error)), answers=(), newest="", written=written
        )
    return Entry(
        folder=name, title=title(board), tally=tally(board), answers=answers(board, regime_tables(regimes(board))),
        newest=_newest(board), written=written,
    )  # fmt: skip


def _newest(board: Board) -> str:
    starts = [record.started_utc for records in board.cells.values() for record in records]
    return printable(max(starts, default="")[:10])
