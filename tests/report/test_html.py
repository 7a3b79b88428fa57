"""The HTML page as text: what it holds, what its links mean, and that nothing from a record is markup."""

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser

import made
import msgspec
import numpy as np
import pandas as pd
import pytest
from msgspec import structs
from PIL import Image

from fgsgl.records.ledger import load
from fgsgl.report.ablations.evaluate import ablations
from fgsgl.report.ablations.render import ARMS
from fgsgl.report.board.answer import answers, tied_with_best
from fgsgl.report.board.board import Board, leaderboard, read_board
from fgsgl.report.board.predicted_classes import PredictionCache
from fgsgl.report.board.rows import done_of, rows
from fgsgl.report.drawing.axes import canvas
from fgsgl.report.drawing.figure import Figure, Sheet
from fgsgl.report.drawing.render import render
from fgsgl.report.localisation.evaluate import localisation
from fgsgl.report.localisation.render import localisation_tables
from fgsgl.report.render.figure_data import figure_data
from fgsgl.report.render.html import page
from fgsgl.report.report import report
from fgsgl.util.errors import UserError

VOID = ("meta", "img", "input", "line", "circle", "path")


class Page(HTMLParser):
    """Checks that every tag is closed in order, and collects what matters."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.ids, self.texts = [], [], [], [], {}
        self.links, self.rows = [], []
        self.feed(text)
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.attributes += values
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values[name] for name in ("src", "href") if name in values]
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append(["", ""])
        if tag == "a" and self.open[-1] in ("th", "td"):
            self.rows[-1][-1][1] = values["href"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + data
        if {"th", "td"} & set(self.open):
            self.rows[-1][-1][0] += data.strip()

    def handle_startendtag(self, tag, attrs):
        assert tag in ("line", "circle", "path")
        self.tags.append(tag)
        self.attributes += dict(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    @property
    def data(self):
        """What the script reads, which must be JSON to the letter."""
        text = self.texts["script"]
        return json.JSONDecoder(parse_constant=lambda name: pytest.fail(f"{name} is no JSON")).raw_decode(text)[0]


def shown(folder, figures=()):
    board = read_board(folder)
    text = page(board, figures, ablations(board), localisation_tables(board, localisation(board)))
    return board, text, Page(text)


@pytest.fixture(scope="module")
def whole(everything):
    return shown(everything)


def test_one_file_that_loads_nothing_and_runs_its_own_script_alone(whole):
    _, text, read = whole
    assert all(link.startswith("#") for link in read.links) and "url(" not in text
    assert not [name for name in read.attributes if name == "style" or name.startswith("on")]
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    allowed = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert allowed["default-src"] == "'none'" and allowed["img-src"] == "data:"
    for tag in ("style", "script"):
        contents = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents]
        assert digests and all(f"'sha256-{digest}'" in allowed[f"{tag}-src"].split() for digest in digests)
    assert allowed["script-src"].count("sha256") == 1 and allowed["style-src"].count("sha256") == 2  # of the drawings
    assert "unsafe" not in policy


def test_every_tab_has_its_tables(whole):
    board, _, read = whole
    tabs = ["board", "ablation", "statistics", "localisation", "classes", "cells", "protocol"]
    assert [name for name in read.ids if f"tab-{name}" in read.ids] == tabs
    assert {
        "board-table",
        "cost-table",
        "arms-1",
        "effects-1",
        "interactions-1",
        "differences",
        "looks-0",
        "looks-1",
        "reads-0",
    } <= set(read.ids)
    for sentence in (*board.notes, *board.cost_notes):
        assert sentence in read.texts["li"]
    assert "half of the" not in read.texts["h2"] and "factorial over fgsa, text" in read.texts["h2"]


def test_a_tab_and_a_legend_without_content_are_left_out(ledger):
    ledger.add("majority", 0.0, kind="floor")
    _, text, read = shown(ledger.folder)
    assert "floors: Majority class" in text and 'class="key' not in text
    assert [name for name in read.ids if name.startswith("tab-")] == [
        "tab-board", "tab-classes", "tab-cells", "tab-protocol"
    ]  # fmt: skip


def test_a_row_leads_to_what_is_known_of_it_and_to_its_cells(whole):
    board, _, read = whole
    labels, cells = read.data["labels"], read.data["cells"]
    assert labels == list(board.table["label"])
    mine, reference = (labels.index(name) for name in ("FG-SGL -fgsa @c8f370", "FG-SGL @c8f370"))
    table = read.rows[1 : 1 + sum(board.table["kind"] == "method")]
    (row,) = [row for row in table if row[0][0] == labels[mine]]
    headings = [heading for heading, _ in read.rows[0]]
    links = {heading: link for heading, (_, link) in zip(headings, row, strict=True)}
    assert links.pop("Method") == f"#row/{mine}" and not any(links.values()), "one stop of the tab key a row"
    assert read.data["references"][mine] == reference and read.data["references"][reference] is None
    key = next(key for key in board.cells if key[:2] == ("fgsgl", "-fgsa"))
    assert [cell[5] for cell in cells if cell[0] == mine] == [record.cell_id for record in board.cells[key]]
    arms = [row for row in read.rows if row[0][0] == "FG-SGL -fgsa" and len(row) == len(ARMS)]
    assert [link for _, link in arms[0]] == [f"#cells/{mine}+{reference}"] + [""] * (len(ARMS) - 1)


def test_the_first_screen_answers_and_marks_what_it_speaks_of(whole):
    board, text, read = whole
    for sentence in answers(board.table):
        assert sentence in read.texts["p"]
    start = text.index('<table id="board-table"')
    rows = re.findall(r'<tr class="([^"]*)"[^>]*>\s*<th scope="row"><a href="#row/(\d+)"', text[start:])
    marked = {int(index): names.split() for names, index in rows}
    best = tied_with_best(board.table)
    assert {index for index, names in marked.items() if "best" in names} == best and best
    references = {row.Index for row in board.table.itertuples() if (row.method, row.variant) == ("fgsgl", "full")}
    assert {index for index, names in marked.items() if "reference" in names} == references
    assert 'class="key best"' in text and 'class="key reference"' in text
    drawn = re.findall(r'<svg class="plot (\w+)".*?</svg>', text)
    assert len(drawn) == board.table["n_seeds"].gt(0).sum()
    assert len(read.tags) and "style" not in read.attributes


def test_changed_settings_come_first_and_the_whole_config_behind_them(whole):
    _, _, read = whole
    changed = {
        cell[2] + read.data["labels"][cell[0]]: read.data["changed"][cell[9]]
        for cell in read.data["cells"]
        if cell[9] is not None
    }
    assert changed["doneFG-SGL -fgsa @c8f370"] == "variant=-fgsa"
    assert changed["doneFG-SGL @c8f370"] == "the default settings"


def test_every_cell_is_listed_with_what_became_of_it(whole):
    board, _, read = whole
    cells = {cell[5]: cell for cell in read.data["cells"]}
    records = {record.cell_id: record for group in board.cells.values() for record in group}
    assert len(cells) == len(records) + 1 == len(read.data["cells"])
    for cell_id, record in records.items():
        _, seed, status, top1, total_s, _, commit, started, message, config = cells[cell_id]
        assert (seed, total_s, commit, started) == (record.seed, 70, "cccccccccc", "2025-01-01T00:00:00Z")
        assert json.loads(read.data["configs"][config]) == msgspec.to_builtins(record.config)
        if record.status == "failed":
            assert (status, top1) == ("failed: nan", None) and message.startswith("the loss is not a number")
        else:
            assert status == "done" and top1 == pytest.approx(100 * record.metrics.top1, abs=0.05)
    (planned,) = cells.keys() - records.keys()
    assert cells[planned][2:] == ["planned", None, None, planned, "", "", "", None]


def test_classes_are_means_over_seeds(whole):
    board, _, read = whole
    key = next(key for key in board.scored if key[:2] == ("tsm", "full"))
    row = read.data["labels"].index("TSM @c8f370")
    entry = next(entry for entry in read.data["classes"]["rows"] if entry["row"] == row)
    absent = entry["values"][14]
    assert read.data["classes"]["sets"][entry["set"]]["clips"][14] == 0 and absent[0] is None
    tables = [record.metrics.per_class[0] for record in board.scored[key]]
    expected = [100 * sum(getattr(table, name) for table in tables) / 3 for name in ("recall", "precision", "f1")]
    assert entry["values"][0] == pytest.approx(expected, abs=0.05)


def test_names_from_records_are_text(whole):
    _, text, read = whole
    assert read.tags.count("script") == 2 and "img" not in read.tags and "onerror=alert(2)>" in read.texts["code"]
    assert "<script>alert" not in text and "<img" not in text
    assert any("<script>alert(1)</script>" in label for label in read.data["labels"])


def test_what_is_no_number_is_refused_before_a_browser_sees_it(ledger):
    ledger.add("majority", 0.0, kind="floor")
    record = ledger.add("fgsgl", 2.0)
    path = ledger.folder / "ledger" / f"{record.cell_id}.json"
    path.write_text(path.read_text().replace('"settings": {', '"settings": {"x": 1e999'))
    with pytest.raises(UserError, match=f"{record.cell_id}.json cannot be read"):
        read_board(ledger.folder)


def test_a_page_draws_from_its_records_and_links_the_figures_for_papers(everything):
    """The library comes with the page, and what it draws is the board's."""
    board = read_board(everything)
    drawn = canvas(4, 3)
    drawn.subplots().plot([1, 3, 2])
    sheet = Sheet(figure=drawn, table=pd.DataFrame({"a": [1]}), caption="A caption.", suffix="-c8f370")
    figure = render(Figure(name="accuracy", title="Top-1", draw=lambda source: iter([sheet])), sheet)
    text = page(board, [figure], ablations(board), None, figure_data(board))
    read = Page(text)
    assert "img" not in read.tags and "figures/accuracy-c8f370.pdf" in read.links
    assert text.count("<script>") == 2 and "http://" not in text.replace("http://www.w3.org", "")
    (policy,) = re.findall(r"script-src ([^;]+)", text)
    assert policy.count("sha256") == 2
    found = read.data["figures"]
    for row, shown in zip(board.table.itertuples(), found["rows"], strict=True):
        assert shown.get("top1", 0) == pytest.approx(100 * row.top1 if row.n_seeds else 0, abs=0.01)
    assert sum(shown["reference"] for shown in found["rows"]) == 1 and len(found["curves"]) > 4
    confusion = found["confusion"][0]
    of_first = [share for true, _, share in confusion["cells"] if true == 0]
    assert sum(of_first) == pytest.approx(100, abs=5) and confusion["of"] == 17
    subjects = found["subjects"][0]
    assert len(subjects["names"]) == 12 and len(subjects["values"]) == len(subjects["rows"])


def test_a_page_of_fifty_rows_stays_below_a_megabyte(ledger):
    ledger.add("majority", 0.0, kind="floor")
    for number in range(49):
        ledger.add("fgsgl", 2.4, "full" if not number else f"w/o factor-{number}, w/o another-one-{number}")
    board = read_board(ledger.folder)
    drawn = canvas(4, 3)
    drawn.subplots().plot([1, 3, 2])
    sheet = Sheet(figure=drawn, table=pd.DataFrame({"a": [1]}), caption="A caption.")
    figure = render(Figure(name="accuracy", title="Top-1", draw=lambda source: iter([sheet])), sheet)
    assert len(page(board, [figure], (), None, figure_data(board)).encode()) < 600_000  # and 400 kB of pictures


def test_of_many_figures_the_page_embeds_the_first_of_each_kind_and_links_the_others(ledger):
    ledger.add("majority", 0.0, kind="floor")
    random = np.random.default_rng(0)

    def drawn(name):
        figure = canvas(4, 3)
        figure.subplots().imshow(random.random((200, 200)), interpolation="nearest")
        sheet = Sheet(figure=figure, table=pd.DataFrame({"a": [1]}), caption="A caption.")
        return render(Figure(name=name, title=name, draw=lambda source: iter([sheet])), sheet)

    names = [*(f"attention-{number}" for number in range(1, 15)), "localisation-0a1b2c", "localisation-3d4e5f"]
    _, text, read = shown(ledger.folder, [drawn(name) for name in names])
    embedded = [name for name in names if f'id="figure-{name}"' in text]
    assert embedded[0] == "attention-1" and "localisation-0a1b2c" in embedded and len(embedded) < len(names)
    images = [link for link in read.links if link.startswith("data:image/webp;base64,")]
    assert len(images) == len(embedded) and sum(map(len, images)) < 400_000
    for name in names:
        assert {f"figures/{name}.csv", f"figures/{name}.pdf"} <= set(read.links)
        assert name in embedded or f"figures/{name}.png" in read.links


def test_pictures_of_what_the_page_draws_itself_are_links_for_every_protocol(ledger):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("fgsgl", 2.0)
    ledger.add("fgsgl", 2.0, protocol=ledger.protocol(shots=2))
    ledger.add("majority", 0.0, kind="floor", protocol=ledger.protocol(shots=2))
    with made.without_figures("accuracy"):
        report(ledger.folder)
    files = sorted(path.stem for path in (ledger.folder / "figures").glob("*.png"))
    text = (ledger.folder / "leaderboard.html").read_text()
    protocols = [name for name in files if name.startswith("accuracy-")]
    assert len(protocols) == 2
    for name in protocols:
        assert f'href="figures/{name}.png"' in text and f'id="figure-{name}"' not in text


def test_a_figure_is_that_of_its_file_and_has_the_size_it_was_drawn_for(ledger):
    ledger.add("majority", 0.0, kind="floor")
    drawn = canvas(4, 3)
    drawn.subplots().plot([1, 3, 2])
    sheet = Sheet(figure=drawn, table=pd.DataFrame({"a": [1]}), caption="Some </figure> text.")
    figure = render(Figure(name="a b", title="<b>", draw=lambda source: iter([sheet])), sheet)
    _, text, read = shown(ledger.folder, [figure])
    (image,) = [link for link in read.links if link.startswith("data:image/webp;base64,")]
    shown_RGB = Image.open(io.BytesIO(base64.b64decode(image.split(",")[1])))
    assert shown_RGB.tobytes() == Image.open(io.BytesIO(figure.png)).convert("RGB").tobytes()
    assert re.search(r'width="384"\s+height="288"', text)
    assert read.texts["figcaption"].startswith("Some </figure> text.")
    assert "figures/a%20b.csv" in read.links and "figures/a%20b.pdf" in read.links


def test_ten_thousand_cells_take_few_megabytes(ledger):
    ledger.add("majority", 0.0, kind="floor")
    ledger.add("fgsgl", 2.0)
    floor, record = sorted(load(ledger.folder), key=lambda record: record.kind)
    records = [floor]
    for number in range(10_000):
        variant = f"w/o {number // 10}" if number >= 10 else "full"
        records.append(structs.replace(record, cell_id=f"{number:016x}", variant=variant, seed=number % 10))
    cells = rows(records)
    scored = {key: done_of(group) for key, group in cells.items()}
    predictions = PredictionCache(ledger=ledger.folder / "nowhere")
    table = leaderboard(cells, scored, (), (), predictions, refused={})
    board = Board(
        folder=ledger.folder, table=table, notes=(), cost_notes=(), cells=cells, scored=scored, planned=(),
        designs=(), primary=(), identical=(), published=pd.DataFrame(), predictions=predictions,
    )  # fmt: skip
    text = page(board, (), (), None)
    assert len(table) == 1001 and len(text) < 5e6
