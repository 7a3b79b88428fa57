"""The HTML report in a real browser: ``make test-browser``."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Ledger
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

from fgsgl.report.report import report

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1280, 900), (390, 844)
AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium. Its driver is the one beside it, so nothing is downloaded."""
    places = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    assert all(places.values()), f"not on the PATH: {places}; `make test-browser` installs Debian's"
    options = webdriver.ChromeOptions()
    options.binary_location = places["chromium"]
    options.add_argument("--headless=new")
    options.add_argument("--disable-dev-shm-usage")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's refuses to start for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(places["chromedriver"]))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(everything):
    report(everything)
    return (everything / "leaderboard.html").as_uri()


@pytest.fixture
def visit(browser, address):
    """Opens a part of the page afresh; in the end nothing may have gone wrong on it."""

    def go(part="", size=DESKTOP, of=address, **media):
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
        browser.get("about:blank")
        browser.get(of + part)
        return browser

    browser.get_log("browser")
    yield go
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


def click(browser, css):
    browser.find_element("css selector", css).click()


def texts(browser, css):
    """Texts of the visible elements."""
    return [found.text for found in browser.find_elements("css selector", css) if found.is_displayed()]


def open_tabs(browser):
    return [
        panel.get_attribute("id") for panel in browser.find_elements("css selector", ".panel") if panel.is_displayed()
    ]


def numbers(column):
    return [float(text.split()[0].replace("−", "-")) for text in column if text != "–"]


def test_a_click_on_a_heading_sorts_and_leaves_the_foot(visit):
    browser = visit()
    heading = "#board-table thead th:nth-child(3)"
    column = "#board-table tbody:nth-of-type(1) td:nth-child(3)"
    foot = texts(browser, "#board-table tbody.foot th")
    shown = numbers(texts(browser, column))
    click(browser, f"{heading} button")
    assert numbers(texts(browser, column)) == sorted(shown, reverse=True)
    assert browser.find_element("css selector", heading).get_attribute("aria-sort") == "descending"
    click(browser, f"{heading} button")
    assert numbers(texts(browser, column)) == sorted(shown)
    names = "#board-table tbody:nth-of-type(1) th"
    click(browser, "#board-table thead th:nth-child(1) button")
    assert texts(browser, names)[-1] == "TSM @c8f370"
    click(browser, "#board-table thead th:nth-child(1) button")
    assert texts(browser, names)[0] == "TSM @c8f370"
    assert len(browser.find_elements("css selector", "#board-table thead th[aria-sort]")) == 1
    assert sorted(texts(browser, "#board-table tbody.foot th")) == sorted(foot)


def test_typing_filters(visit):
    browser = visit()
    field = browser.find_element("css selector", "input[data-table=board-table]")
    total = len(texts(browser, "#board-table tbody tr"))
    field.send_keys("fg-sgl SHUFFLED")
    assert set(texts(browser, "#board-table tbody th")) == {
        "FG-SGL text=shuffled @c8f370", "FG-SGL -fgsa, text=shuffled @c8f370"
    }  # fmt: skip
    assert texts(browser, "#board-table-count") == [f"2 of {total} rows"]
    field.clear()
    field.send_keys("x", "\b")
    assert len(texts(browser, "#board-table tbody tr")) == total and not any(texts(browser, "#board-table-count"))


def test_tabs_open_by_click_key_and_address(visit):
    browser = visit()
    names = [tab.get_attribute("aria-controls") for tab in browser.find_elements("css selector", "[role=tab]")]
    assert names == ["board", "ablation", "statistics", "localisation", "figures", "classes", "cells", "protocol"]
    for name in names:
        click(browser, f"#tab-{name}")
        assert open_tabs(browser) == [name]
        assert browser.find_element("css selector", "[aria-selected=true]").get_attribute("id") == f"tab-{name}"
    click(browser, "#tab-board")
    for key, name in (("\ue014", "ablation"), ("\ue012", "board"), ("\ue012", "protocol"), ("\ue011", "board")):
        browser.switch_to.active_element.send_keys(key)  # right, left, left, Home
        assert open_tabs(browser) == [name]
        assert browser.switch_to.active_element.get_attribute("id") == f"tab-{name}"
    browser.back()
    WebDriverWait(browser, 5).until(lambda found: open_tabs(found) == ["protocol"])
    assert open_tabs(visit("#statistics")) == ["statistics"]
    figure = browser.find_element("css selector", "figure").get_attribute("id")
    assert open_tabs(visit(f"#{figure}")) == ["figures"]
    assert open_tabs(visit("#nowhere")) == ["board"]


def test_a_row_leads_to_its_cells_and_a_cell_to_its_record(visit, everything):
    browser = visit()
    browser.find_element("link text", "FG-SGL -fgsa @c8f370").click()
    dialog = browser.find_element("css selector", "#row")
    assert dialog.is_displayed() and texts(browser, "#row-title") == ["FG-SGL -fgsa @c8f370"]
    facts = dict(zip(texts(browser, "#row-facts dt"), texts(browser, "#row-facts dd"), strict=True))
    assert facts["Seeds"] == "3" and "±" in facts["Difference"] and facts["p (sign flip)"] and "Interval" not in facts
    browser.find_element("link text", "Its cells and those of FG-SGL @c8f370").click()
    assert open_tabs(browser) == ["cells"] and not dialog.is_displayed()
    assert texts(browser, "#cells-of") == ["The cells behind FG-SGL -fgsa @c8f370 and FG-SGL @c8f370."]
    assert browser.switch_to.active_element.get_attribute("id") == "cells-picked"
    labels = texts(browser, "#cells-table tbody th")
    assert labels.count("FG-SGL -fgsa @c8f370") == 3 and labels.count("FG-SGL @c8f370") == 4 and len(labels) == 7
    link = browser.find_elements("css selector", "#cells-table tbody tr a")[labels.index("FG-SGL -fgsa @c8f370")]
    record = json.loads((everything / "ledger" / f"{link.text}.json").read_text())
    assert (record["method"], record["variant"]) == ("fgsgl", "-fgsa")
    link.click()
    assert json.loads(browser.find_element("css selector", "body").text)["cell_id"] == record["cell_id"]
    browser.back()
    click(browser, "#cells-picked a")
    assert len(texts(browser, "#cells-table tbody th")) == len(list((everything / "ledger").glob("*.json"))) + 1
    assert texts(browser, "#cells-picked") == []


def test_cells_sort_filter_and_show_their_settings(visit):
    browser = visit("#cells")
    browser.find_element("css selector", "#cells-filter").send_keys("failed")
    assert texts(browser, "#cells-table tbody td:nth-child(3)") == ["failed: nan"]
    assert texts(browser, "#cells-count") == ["1 to 1 of 1 cells"]
    button = browser.find_element("css selector", "#cells-table tbody button")
    button.send_keys("\n")
    dialog = browser.find_element("css selector", "#cell")
    click(browser, "#cell summary")
    assert dialog.is_displayed() and "the loss is not a number <script>alert(1)</script>" in dialog.text
    assert '"display_name": "TSM"' in dialog.text
    browser.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert not dialog.is_displayed() and browser.switch_to.active_element == button
    browser.find_element("css selector", "#cells-filter").clear()
    browser.find_element("css selector", "#cells-filter").send_keys("tsm")
    click(browser, "#cells-table thead th:nth-child(2) button")
    assert texts(browser, "#cells-table tbody td:nth-child(2)") == ["3", "2", "1", "0"]


def test_many_cells_come_a_page_at_a_time(visit, ledger):
    ledger.add("majority", 0.0, kind="floor")
    cells = [{"cell_id": f"{n:016x}", "method": "fgsgl", "variant": "full", "seed": n} for n in range(249)]
    ledger.folder.joinpath("plan.json").write_text(json.dumps({"cells": cells}))
    report(ledger.folder)
    browser = visit("#cells", of=(ledger.folder / "leaderboard.html").as_uri())
    counts = []
    for _ in range(3):
        counts.append((len(texts(browser, "#cells-table tbody tr")), *texts(browser, "#cells-count")))
        click(browser, "#cells-on")
    assert counts == [(100, "1 to 100 of 250 cells"), (100, "101 to 200 of 250 cells"), (50, "201 to 250 of 250 cells")]
    assert not browser.find_element("css selector", "#cells-on").is_enabled()
    click(browser, "#cells-back")
    assert texts(browser, "#cells-count") == ["101 to 200 of 250 cells"]


def test_classes_of_the_chosen_row(visit):
    browser = visit("#classes")
    click(browser, "#classes-row option:last-child")
    assert texts(browser, "#classes-row option:last-child") == ["Majority class @c8f370"]
    table = [row.split() for row in texts(browser, "#classes-table tbody tr")]
    assert len(table) == 17 and table[0][-4:-1] == ["15", "100.0", "6.2"] and table[14][-3:] == ["–", "–", "–"]
    assert table[16][:1] == ["<script>alert(1)</script>"]
    click(browser, "#classes-table thead th:nth-child(3) button")
    assert "Turtling neck and shoulder" in texts(browser, "#classes-table tbody tr")[0]


@pytest.mark.parametrize(
    "part", ["board", "ablation", "statistics", "localisation", "figures", "classes", "cells", "protocol"]
)
def test_nothing_is_wider_than_a_phone(visit, part):
    browser = visit(f"#{part}", PHONE)
    assert browser.execute_script("return document.documentElement.scrollWidth") == PHONE[0]
    outside = """return [...document.querySelectorAll("h1, h2, p, nav a, .tools *, .box, figure div, li, summary")]
        .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML)"""
    assert browser.execute_script(outside) == []


def test_names_from_records_stay_text_and_no_foreign_script_runs(visit, browser):
    visit("#cells")
    names = texts(browser, "#cells-table tbody tr")
    assert any('<script>alert(1)</script> "><img src=x onerror=alert(2)>' in name for name in names)
    assert len(browser.find_elements("css selector", "script")) == 3
    assert all(image.get_attribute("src").startswith("data:") for image in browser.find_elements("css selector", "img"))
    add = """const made = document.createElement("script"); made.textContent = "window.ran = true";
        document.body.append(made); return window.ran === true"""
    assert browser.execute_script(add) is False
    (refused,) = browser.get_log("browser")
    assert "Content Security Policy" in refused["message"]


def test_dark_and_paper(visit):
    background = "return getComputedStyle(document.body).backgroundColor"
    scheme = "prefers-color-scheme"
    light = visit(features=[{"name": scheme, "value": "light"}]).execute_script(background)
    dark = visit(features=[{"name": scheme, "value": "dark"}]).execute_script(background)
    assert sum(eval_rgb(light)) > 700 and sum(eval_rgb(dark)) < 100
    paper = visit("#statistics", media="print", features=[{"name": scheme, "value": "dark"}])
    assert sum(eval_rgb(paper.execute_script(background))) > 700
    assert open_tabs(paper) == ["board", "ablation", "statistics", "localisation", "figures", "protocol"]
    assert texts(paper, "nav, .tools") == []


def eval_rgb(css):
    return [int(part) for part in css.removeprefix("rgb(").removesuffix(")").split(",")]


def test_all_parts_can_be_read_without_scripts(visit, browser):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        visit()
        assert len(open_tabs(browser)) == 8
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


TABLET = (768, 1024)


def test_columns_are_chosen_and_a_phone_begins_with_three(visit):
    browser = visit()
    heads = texts(browser, "#board-table thead th")
    assert heads[0] == "Method" and {"Top-1 %", "Difference", "p (Holm)"} <= set(heads) and "d_z" not in heads
    cells = browser.find_elements("css selector", "#board-table tbody:first-of-type tr:first-child > *")
    assert len({cell.size["height"] for cell in cells if cell.is_displayed()}) == 1, "a row is one band"
    inside = "const b = document.querySelector('#board .box'); return b.scrollWidth <= b.clientWidth"
    assert browser.execute_script(inside), "the first columns fit 1280 pixels"
    click(browser, "[data-tools=board-table] .menu summary")
    choices = browser.find_elements("css selector", "[data-columns=board-table] label")
    next(choice for choice in choices if choice.text == "d_z").find_element("css selector", "input").click()
    assert "d_z" in texts(browser, "#board-table thead th")
    assert len(texts(browser, "#board-table tbody:first-of-type tr:first-child > *")) == len(heads) + 1
    browser.switch_to.active_element.send_keys("\ue00c")  # Escape
    assert not browser.find_element("css selector", "[data-tools=board-table] .menu").get_attribute("open")
    browser = visit(size=PHONE)
    assert texts(browser, "#board-table thead th") == ["Method", "Top-1 %", "Difference"]
    assert browser.execute_script(inside)


def test_rows_are_grouped_and_stay_so_when_sorted(visit):
    browser = visit()
    click(browser, "[data-group=board-table] option[value=family]")
    groups = texts(browser, "#board-table tbody:first-of-type tr.group")
    assert groups == ["FG-SGL and its variants", "Other methods"]
    click(browser, "#board-table thead th:nth-child(1) button")
    assert texts(browser, "#board-table tbody:first-of-type tr.group") == groups
    click(browser, "[data-group=board-table] option[value=design]")
    assert "factorial over fgsa, text" in texts(browser, "#board-table tbody:first-of-type tr.group")
    browser.find_element("css selector", "input[data-table=board-table]").send_keys("tsm")
    assert texts(browser, "#board-table tbody:first-of-type tr.group") == ["Others"]


@pytest.mark.parametrize(
    ("kind", "begins"), [("csv", "Method,Top-1 %"), ("md", "| Method | Top-1 % |"), ("tex", "\\begin{tabular}{l")]
)
def test_what_is_shown_is_copied(visit, kind, begins):
    browser = visit()
    browser.execute_script(
        "window.copied = null; Object.defineProperty(navigator, 'clipboard', "
        "{ value: { writeText: async text => { window.copied = text } } })"
    )
    browser.find_element("css selector", "input[data-table=board-table]").send_keys("text=shuffled")
    click(browser, f"[data-tools=board-table] [data-copy={kind}]")
    WebDriverWait(browser, 5).until(lambda found: found.execute_script("return window.copied"))
    text = browser.execute_script("return window.copied")
    assert text.startswith(begins) and text.count("shuffled") == 2 and "tsm" not in text.lower()
    assert texts(browser, "#board-table-count") == ["2 rows copied"]


def test_a_head_stays_in_sight_and_one_stop_of_the_tab_key_a_row(visit):
    browser = visit()
    stops = "return document.querySelectorAll('#board-table tbody a:not([tabindex=\"-1\"])').length"
    assert browser.execute_script(stops) == len(texts(browser, "#board-table tbody tr"))
    top = browser.execute_script(
        "const b = document.querySelector('#board .box'); b.style.maxHeight = '12rem'; b.scrollTop = 200;"
        "return b.querySelector('thead th').getBoundingClientRect().top - b.getBoundingClientRect().top"
    )
    assert abs(top) < 3


def test_a_keyboard_reaches_a_row_its_cells_and_comes_back(visit):
    browser = visit()
    browser.find_element("css selector", "#board-table tbody a").send_keys("\n")
    assert browser.find_element("css selector", "#row").is_displayed()
    browser.switch_to.active_element.send_keys("\ue00c")
    assert not browser.find_element("css selector", "#row").is_displayed()
    assert browser.execute_script("return location.hash") == "#board"
    assert browser.switch_to.active_element.get_attribute("href").endswith("#row/0")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """The page of a board on which classes were held out, in two folds, of many classes."""
    ledger = Ledger(
        tmp_path_factory.mktemp("held") / "board", classes=tuple(f"Gesture {number}" for number in range(90))
    )
    for fold in range(2):
        protocol = ledger.protocol(unseen=4, fold=fold)
        for seed in range(3):
            ledger.add("fgsgl", 2.4, seed=seed, protocol=protocol)
            ledger.add("fgsgl", 1.2, "text=shuffled", seed, protocol=protocol)
            ledger.add("tsm", 1.6, seed=seed, protocol=protocol)
        ledger.add("oracle", 4.0, kind="ceiling", protocol=protocol)
        ledger.add("majority", 0.0, kind="floor", protocol=protocol)
    report(ledger.folder)
    return (ledger.folder / "leaderboard.html").as_uri()


def test_a_board_with_classes_held_out_opens_with_their_table_and_fits(visit, held_out):
    browser = visit(of=held_out)
    assert open_tabs(browser) == ["regimes"]
    heads = texts(browser, "#regime-1 thead th")
    assert heads[0] == "Method" and {"Unseen %", "AUSUC %", "AUSUC difference"} <= set(heads)
    inside = "const b = document.querySelector('#regimes .box'); return b.scrollWidth <= b.clientWidth"
    assert browser.execute_script(inside), "the first columns fit 1280 pixels"
    assert "rgb" in browser.find_element("css selector", "#regime-1 tr.reference th").value_of_css_property(
        "background-color"
    )
    browser = visit(size=PHONE, of=held_out)
    assert texts(browser, "#regime-1 thead th") == ["Method", "Unseen %", "Difference"]
    assert browser.execute_script(inside)
    browser = visit("#figures", of=held_out)
    protocols = browser.find_elements("css selector", "#chart-accuracy-choice option")
    assert [option.text for option in protocols] == ["fold 0", "fold 1"]
    names = ["accuracy", "differences", "cost", "curves", "confusion", "class-difference", "subjects"]
    assert [name for name in names if browser.find_elements("css selector", f"#chart-{name} svg.drawn")] == names
    for name, css in (("cost", "circle"), ("curves", "path[d^='M50,']")):  # of one fold, which is a protocol
        assert texts(browser, f"#chart-{name}-protocol option") == ["fold 0", "fold 1"]
        assert len(browser.find_elements("css selector", f"#chart-{name} {css}")) == 3
        click(browser, f"#chart-{name}-protocol option:last-child")
        assert len(browser.find_elements("css selector", f"#chart-{name} {css}")) == 3
    assert len(browser.find_elements("css selector", "#chart-class-difference rect")) == 60
    assert texts(browser, "#chart-class-difference-part") == ["60 of 89 classes, the largest differences."]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE])
def test_an_accessibility_checker_finds_nothing_where_classes_were_held_out(visit, held_out, size, scheme):
    assert violations(visit, ("regimes", "board", "figures"), size, scheme, held_out) == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_are_drawn_told_by_hovering_and_lead_to_their_rows(visit, scheme):
    browser = visit("#figures", features=[{"name": "prefers-color-scheme", "value": scheme}])
    names = ["accuracy", "differences", "cost", "curves", "confusion", "class-difference", "subjects"]
    drawn = [name for name in names if browser.find_elements("css selector", f"#chart-{name} svg.drawn")]
    assert drawn == names
    assert len(browser.find_elements("css selector", "#chart-accuracy circle")) >= 7
    dot = browser.find_element("css selector", "#chart-accuracy circle.leads")
    webdriver.ActionChains(browser).move_to_element(dot).perform()
    WebDriverWait(browser, 5).until(lambda found: "%" in "".join(texts(found, "#chart-accuracy g tspan")))
    dot.click()
    WebDriverWait(browser, 5).until(lambda found: found.find_element("css selector", "#row").is_displayed())
    assert texts(browser, "#row-title")[0].startswith("FG-SGL")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, TABLET, PHONE])
def test_an_accessibility_checker_finds_nothing(visit, size, scheme):
    """Every tab, and both dialogs' rows."""
    parts = ("board", "ablation", "statistics", "localisation", "figures", "classes", "cells", "protocol", "row/0")
    assert violations(visit, parts, size, scheme) == {}


def violations(visit, parts, size, scheme, *address):
    """What axe-core, which ``make test-browser`` brings, finds in parts of a page."""
    axe = AXE.read_text(encoding="utf-8")
    found = {}
    for part in parts:
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser = visit(f"#{part}", size, *address, **media)
        browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        run = "const done = arguments[0]; axe.run(document).then(result => done(result.violations))"
        if broken := browser.execute_async_script(run):
            found[part] = [(one["id"], one["nodes"][0]["html"][:200], len(one["nodes"])) for one in broken]
    return found
