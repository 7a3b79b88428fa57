// The page's behaviour. What comes from records is only ever set as textContent, never as HTML.
"use strict";

const PAGE = 100;  // cells drawn at once
const NAMED = 4;  // rows whose cells are shown, up to which each is named
const byId = id => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);
const compareTexts = new Intl.Collator("en", { numeric: true }).compare;

function element(name, text, className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  made.className = className;
  return made;
}

// Tabs. The address's hash names a tab, something inside one, or the cells of some rows of the board (#cells/3+0).
const tabs = [...document.querySelectorAll("[role=tab]")];

function openTab(name) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
}

function route() {
  const [name, rows] = location.hash.slice(1).split("/");
  const target = byId(name), found = target?.closest(".panel");
  const panel = found ?? byId(tabs[0].getAttribute("aria-controls"));
  openTab(panel.id);
  if (panel.id === "cells") pickCells(rows);
  if (found && found !== target) target.scrollIntoView();
  else scrollTo(0, 0);
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", event => {
    event.preventDefault();  // the browser's own jump would take the focus off the tab
    history.pushState(null, "", tab.hash);
    route();
  });
  tab.addEventListener("keydown", event => {
    const next = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const other = tabs.at(next % tabs.length);
    other.focus();
    other.click();
  });
}

// Filters: a row stays if it holds every word that was typed.
const wordsOf = field => field.value.toLowerCase().split(/\s+/).filter(Boolean);
const holds = (text, words) => words.every(word => text.includes(word));

for (const field of document.querySelectorAll("input[data-table]")) {
  const rows = [...byId(field.dataset.table).tBodies].flatMap(body => [...body.rows]);
  field.addEventListener("input", () => {
    const words = wordsOf(field);
    for (const row of rows) row.hidden = !holds(row.textContent.toLowerCase(), words);
    const shown = rows.filter(row => !row.hidden).length;
    byId(`${field.dataset.table}-count`).textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

// Sorting: a click on a heading; numbers fall first, texts rise first, what is no number stays last.
const numberOf = text => text.startsWith("<") ? 0 : parseFloat(text.replace("−", "-"));

function comparison(numeric, falling, key) {
  return (a, b) => {
    const x = key(a), y = key(b);
    if (numeric && (isNaN(x) || isNaN(y))) return isNaN(x) - isNaN(y);
    return (falling ? -1 : 1) * (numeric ? x - y : compareTexts(x, y));
  };
}

for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, table = heading.closest("table"), column = heading.cellIndex;
    const numeric = heading.classList.contains("number"), before = heading.getAttribute("aria-sort");
    const falling = before ? before === "ascending" : numeric;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    if (table.id === "cells-table") return sortCells(column, numeric, falling);
    const key = row => numeric ? numberOf(row.cells[column].textContent) : row.cells[column].textContent;
    for (const body of table.tBodies) body.append(...[...body.rows].sort(comparison(numeric, falling, key)));
  });
}

// Cells: there may be thousands, so they come as data and a page of them is drawn at a time.
const COLUMNS = ["row", "seed", "status", "top1", "total_s", "id", "commit", "started", "message", "config"];
const allCells = data.cells.map(values => Object.fromEntries(COLUMNS.map((name, index) => [name, values[index]])));
for (const cell of allCells) cell.label = data.labels[cell.row];
const SHOWN = ["label", "seed", "status", "top1", "total_s", "id", "commit", "started", "message"];
const filter = byId("cells-filter");
let picked = null, sorted = allCells, found = allCells, first = 0;

function pickCells(rows) {
  picked = rows ? new Set(rows.split("+").map(Number)) : null;
  filter.value = "";
  byId("cells-picked").hidden = !picked;
  if (picked) {
    const names = [...picked].map(row => data.labels[row]).filter(name => name !== undefined);
    const named = names.length > NAMED ? [`${names.length} rows`] : names;
    byId("cells-of").textContent = `The cells behind ${named.join(" and ")}.`;
    byId("cells-picked").focus();
  }
  findCells();
}

function sortCells(column, numeric, falling) {
  const name = SHOWN[column];
  sorted = [...allCells].sort(comparison(numeric, falling, cell => numeric ? cell[name] ?? NaN : cell[name]));
  findCells();
}

function findCells() {
  const words = wordsOf(filter);
  const text = cell => SHOWN.map(name => cell[name]).join(" ").toLowerCase();
  found = sorted.filter(cell => (!picked || picked.has(cell.row)) && (!words.length || holds(text(cell), words)));
  first = 0;
  drawCells();
}

function drawCells() {
  byId("cells-table").tBodies[0].replaceChildren(...found.slice(first, first + PAGE).map(cellRow));
  const last = Math.min(first + PAGE, found.length);
  byId("cells-count").textContent = found.length ? `${first + 1} to ${last} of ${found.length} cells` : "no cell";
  byId("cells-back").disabled = first === 0;
  byId("cells-on").disabled = last === found.length;
}

const fixed = (value, digits) => value === null ? "–" : value.toFixed(digits);

function recordCell(name, cell) {
  if (cell.status === "planned") return element(name, cell.id, "code");
  const link = element("a", cell.id), made = element(name, "", "code");
  link.href = `ledger/${encodeURIComponent(cell.id)}.json`;
  made.append(link);
  return made;
}

function cellRow(cell) {
  const row = element("tr", ""), head = element("th", cell.label), last = element("td", "");
  head.scope = "row";
  if (cell.config !== null) {
    const settings = element("button", "settings");
    settings.type = "button";
    settings.addEventListener("click", () => showCell(cell));
    last.append(settings);
  }
  row.append(
    head, element("td", cell.seed, "number"), element("td", cell.status),
    element("td", fixed(cell.top1, 1), "number"), element("td", fixed(cell.total_s, 0), "number"),
    recordCell("td", cell), element("td", cell.commit, "code"), element("td", cell.started),
    element("td", cell.message, cell.message ? "long" : ""), last,
  );
  return row;
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch (error) {
    if (error instanceof SyntaxError) return text;  // a number that is infinite is none in JSON
    throw error;
  }
}

function showCell(cell) {
  byId("cell-title").textContent = `${cell.label}, seed ${cell.seed}`;
  const facts = [
    ["Status", cell.status], ["Message", cell.message], ["Top-1 %", fixed(cell.top1, 1)],
    ["Total s", fixed(cell.total_s, 0)], ["Commit", cell.commit], ["Started (UTC)", cell.started],
  ];
  byId("cell-facts").replaceChildren(
    element("dt", "Record"), recordCell("dd", cell),
    ...facts.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", name), element("dd", value)]),
  );
  byId("cell-config").textContent = indented(data.configs[cell.config]);
  byId("cell").showModal();
}

function turn(pages) {
  first += pages * PAGE;
  drawCells();
  byId("cells-count").scrollIntoView();
}

filter.addEventListener("input", findCells);
byId("cells-back").addEventListener("click", () => turn(-1));
byId("cells-on").addEventListener("click", () => turn(1));
byId("cell-close").addEventListener("click", () => byId("cell").close());

// Classes: recall, precision and F1 of the row that is chosen.
const choice = byId("classes-row");
if (choice) {
  choice.append(...data.classes.rows.map(({ row }, index) => new Option(data.labels[row], index)));
  choice.addEventListener("change", drawClasses);
  drawClasses();
}

function drawClasses() {
  const { set, values } = data.classes.rows[choice.value], { names, clips } = data.classes.sets[set];
  const table = byId("classes-table");
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  table.tBodies[0].replaceChildren(...names.map((name, index) => {
    const row = element("tr", ""), head = element("th", name);
    head.scope = "row";
    row.append(head, ...[clips[index], ...values[index]].map((value, column) => {
      return element("td", column ? fixed(value, 1) : value, "number");
    }));
    return row;
  }));
}

addEventListener("hashchange", route);
route();
