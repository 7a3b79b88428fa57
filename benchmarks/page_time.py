"""``python benchmarks/page_time.py``: how long Chromium takes to open a board's page, and to draw its figures.

A board of 50 rows, made as :mod:`report_time` makes records, and the boards that the repository holds. Debian's
Chromium and its driver are what ``make test-browser`` installs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import spread
from msgspec import to_builtins
from report_time import SEEDS, write_records
from selenium import webdriver
from selenium.webdriver.chrome.webdriver import WebDriver

from fgsgl.records.environment import git_state, hardware, versions
from fgsgl.report.report import report
from fgsgl.util.errors import UserError, run_command

ROWS, REPEATS = 50, 9
BOARDS = {"results/synmg-2": "synmg-2", "results/synmg-2/unseen": "synmg-2/unseen"}
"""Of the repository, and their places in ``results/``."""
RESULTS = Path(__file__).resolve().parents[1] / "results"
OPENED = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
DRAWN = """
const done = arguments[0], look = () => document.querySelector("#figures svg.drawn")
  ? done(performance.now()) : requestAnimationFrame(look);
look();
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/page_time.py", description=__doc__.split(":", 1)[1].strip())
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each page (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"), help="folder (default: %(default)s)")
    arguments = parser.parse_args(argv)
    return run_command(lambda: measure(arguments.repeats, arguments.out))


def measure(repeats: int, out: Path) -> int:
    """Measures every page in turn, prints the table and writes it."""
    milliseconds: dict[str, dict[str, list[float]]] = {}
    sizes_kib = {}
    with tempfile.TemporaryDirectory() as name:
        pages = _pages(Path(name))
        browser = _browser()
        for _ in range(repeats):
            for what, page in pages.items():
                sizes_kib[what] = page.stat().st_size / 1024
                found = milliseconds.setdefault(what, {"opened": [], "drawn": []})
                browser.get("about:blank")
                browser.get(page.as_uri())
                found["opened"].append(browser.execute_script(OPENED))
                browser.get("about:blank")
                browser.get(f"{page.as_uri()}#figures")
                found["drawn"].append(browser.execute_async_script(DRAWN))
        chromium = browser.capabilities["browserVersion"]
        browser.quit()
    result = {
        "milliseconds": milliseconds, "sizes_kib": sizes_kib, "chromium": chromium,
        "command": "python benchmarks/page_time.py", "load": os.getloadavg()[0],
        "hardware": to_builtins(hardware("cpu", 1, "none")), "versions": versions(), **to_builtins(git_state()),
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    (out / "page.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    rows = [
        f"| {what} | {sizes_kib[what]:.0f} | {spread(found['opened'])} | {spread(found['drawn'])} |\n"
        for what, found in milliseconds.items()
    ]
    text = (
        "# Opening a board's page\n\n"
        f"Chromium {chromium} without a window or a GPU, {repeats} repeats in turn, median (min to max). Opened: from "
        "the start of the navigation to the end of its load event; drawn: of the same page opened at its figures, to "
        f"the first drawn one. In the last minute {result['load']:.1f} processes wanted {os.cpu_count()} cores.\n\n"
        "| page | KiB | opened, ms | drawn, ms |\n|---|---|---|---|\n"
        f"{''.join(rows)}\n"
        f"`{result['command']}`; {result['hardware']['cpu']}; commit {str(result['git_commit'])[:12]}.\n"
    )
    (out / "page.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


def _pages(folder: Path) -> dict[str, Path]:
    os.environ["FGSGL_CACHE"] = str(folder / "cache")
    write_records(folder / "rows" / "ledger", ROWS * SEEDS)
    boards = {f"{ROWS} rows of {SEEDS} seeds": folder / "rows"}
    for what, place in BOARDS.items():
        boards[what] = folder / place.replace("/", "-")
        shutil.copytree(RESULTS / place / "ledger", boards[what] / "ledger")
        shutil.copy(RESULTS / place / "plan.json", boards[what])
    for board in boards.values():
        report(board)
    return {what: board / "leaderboard.html" for what, board in boards.items()}


def _browser() -> WebDriver:
    """Chromium without a window.

    Raises:
        UserError: where it or its driver is not installed.
    """
    places = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    if not all(places.values()):
        raise UserError("chromium or chromedriver is not on the PATH; `make test-browser` installs Debian's")
    options = webdriver.ChromeOptions()
    options.binary_location = str(places["chromium"])
    for word in ("--headless=new", "--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(word)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(str(places["chromedriver"])))


if __name__ == "__main__":
    sys.exit(main())
