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

function openName() {
  return tabs.find(tab => tab.getAttribute("aria-selected") === "true")?.getAttribute("aria-controls");
}

function route() {
  const [name, rows] = location.hash.slice(1).split("/");
  if (name === "row" && data.labels[rows] !== undefined) {
    if (!openName()) openTab(tabs[0].getAttribute("aria-controls"));
    return showRow(Number(rows));
  }
  if (byId("row").open) byId("row").close();
  const target = byId(name), found = target?.closest(".panel");
  const panel = found ?? byId(tabs[0].getAttribute("aria-controls"));
  openTab(panel.id);
  for (const box of document.querySelectorAll(".box")) cue(box);
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

// Tables. A column, filter, order or grouping that is chosen holds for all bodies of a table.
const wordsOf = field => field.value.toLowerCase().split(/\s+/).filter(Boolean);
const holds = (text, words) => words.every(word => text.includes(word));
const numberOf = text => text.startsWith("<") ? 0 : parseFloat(text.replace("−", "-"));
const phone = matchMedia("(max-width: 40rem)");
const orders = new Map(), groupings = new Map();
const rowsOf = body => [...body.rows].filter(row => !row.classList.contains("group"));
const headsOf = table => [...table.tHead.rows[0].cells];

// A fading edge says that a table goes on to the right.
const cue = box => box.parentElement.classList.toggle("more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
for (const box of document.querySelectorAll(".box")) box.addEventListener("scroll", () => cue(box), { passive: true });
addEventListener("resize", () => document.querySelectorAll(".box").forEach(cue));

function showColumn(table, index, shown) {
  for (const row of table.rows) if (!row.classList.contains("group")) row.cells[index].hidden = !shown;
  for (const row of table.querySelectorAll("tr.group")) row.cells[0].colSpan = headsOf(table).filter(h => !h.hidden).length;
}

for (const choices of document.querySelectorAll("[data-columns]")) {
  const table = byId(choices.dataset.columns);
  const boxes = headsOf(table).slice(1).map((head, place) => {
    const label = element("label", ""), box = document.createElement("input");
    box.type = "checkbox";
    box.addEventListener("change", () => {
      showColumn(table, place + 1, box.checked);
      cue(table.parentElement);
    });
    label.append(box, ` ${head.firstChild.textContent}`);
    choices.append(label);
    return box;
  });
  const showDefaults = () => headsOf(table).forEach((head, index) => {
    const shown = index === 0 || !head.classList.contains(phone.matches ? "desk" : "wide");
    showColumn(table, index, shown);
    if (index) boxes[index - 1].checked = shown;
  });
  phone.addEventListener("change", showDefaults);
  showDefaults();
}

for (const menu of document.querySelectorAll(".menu")) {
  menu.addEventListener("keydown", event => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
}
addEventListener("click", event => {
  for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// A row stays if it holds every word that was typed, a heading of a group if one of its rows does.
function filterRows(table, words) {
  for (const body of table.tBodies) {
    let heading = null;
    for (const row of body.rows) {
      if (row.classList.contains("group")) {
        heading = row;
        heading.hidden = true;
      } else {
        row.hidden = !holds(row.textContent.toLowerCase(), words);
        if (heading && !row.hidden) heading.hidden = false;
      }
    }
  }
}

for (const field of document.querySelectorAll("input[data-table]")) {
  const table = byId(field.dataset.table);
  field.addEventListener("input", () => {
    const words = wordsOf(field), rows = [...table.tBodies].flatMap(rowsOf);
    filterRows(table, words);
    const shown = rows.filter(row => !row.hidden).length;
    byId(`${table.id}-count`).textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });
}

// Order: a click on a heading; numbers fall first, texts rise first, what is no number stays last.
function comparison(numeric, falling, key) {
  return (a, b) => {
    const x = key(a), y = key(b);
    if (numeric && (isNaN(x) || isNaN(y))) return isNaN(x) - isNaN(y);
    return (falling ? -1 : 1) * (numeric ? x - y : compareTexts(x, y));
  };
}

function arrange(table) {
  const compare = orders.get(table), group = groupings.get(table);
  for (const body of table.tBodies) {
    const rows = rowsOf(body);
    if (compare) rows.sort(compare);
    const found = group ? new Set(rows.map(row => row.dataset[group] ?? "")) : [""];
    const names = [...found].sort((a, b) => (a === "") - (b === "") || compareTexts(a, b));
    body.replaceChildren(...names.flatMap(name => {
      if (!group) return rows;
      const heading = element("tr", "", "group"), text = element("th", name || "Others");
      text.scope = "rowgroup";
      text.colSpan = headsOf(table).filter(head => !head.hidden).length;
      heading.append(text);
      return [heading, ...rows.filter(row => (row.dataset[group] ?? "") === name)];
    }));
  }
  const field = document.querySelector(`input[data-table="${table.id}"]`);
  if (field) filterRows(table, wordsOf(field));
}

for (const choice of document.querySelectorAll("[data-group]")) {
  choice.addEventListener("change", () => {
    const table = byId(choice.dataset.group);
    groupings.set(table, choice.value);
    arrange(table);
  });
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
    orders.set(table, comparison(numeric, falling, key));
    arrange(table);
  });
}

// Copies hold what is shown: no hidden column or row, and no drawing.
const TEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "±": "$\\pm$",
  "<": "$<$", ">": "$>$", "×": "$\\times$", "–": "--" };
const WRITE = {
  csv: lines => lines.map(line => line.map(text => {
    const plain = text.replace(/^−(?=[\d.])/, "-");
    const safe = /^[=+\-@]/.test(plain) && isNaN(plain) ? `'${plain}` : plain;  // no formula
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }).join(",")),
  md: ([heads, ...rows]) => [heads, heads.map(() => "---"), ...rows].map(line =>
    `| ${line.map(text => text === "---" ? text : text.replace(/[\\`*_[\]|<>&]/g, char => `\\${char}`)).join(" | ")} |`),
  tex: ([heads, ...rows]) => {
    const line = texts => `${texts.map(text => text.replace(/[\\~^−±<>×–{}$&#_%]/g,
      char => TEX[char] ?? `\\${char}`)).join(" & ")} \\\\`;
    return [`\\begin{tabular}{l${"r".repeat(heads.length - 1)}}`, "\\toprule", line(heads), "\\midrule",
      ...rows.map(line), "\\bottomrule", "\\end{tabular}"];
  },
};

async function copy(button) {
  const table = byId(button.dataset.of), kept = [];
  headsOf(table).forEach((head, index) => { if (!head.hidden && head.querySelector("button")) kept.push(index); });
  const rows = [...table.tBodies].flatMap(rowsOf).filter(row => !row.hidden);
  const lines = [table.tHead.rows[0], ...rows].map(row => kept.map(index => row.cells[index].textContent.trim()));
  const text = WRITE[button.dataset.copy](lines).join("\n") + "\n";
  let said = `${rows.length} rows copied`;
  try {
    await navigator.clipboard.writeText(text);
  } catch (error) {
    const area = document.body.appendChild(element("textarea", text));
    area.select();
    if (!document.execCommand("copy")) said = `the browser refuses to copy: ${error.message}`;
    area.remove();
  }
  byId(`${table.id}-count`).textContent = said;
}

for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button));

// A row: everything that the page's tables say of it, and its cells.
function showRow(index) {
  const facts = new Map();
  for (const link of document.querySelectorAll(`main a[href="#row/${index}"]`)) {
    const row = link.closest("tr");
    headsOf(row.closest("table")).slice(1).forEach((head, place) => {
      const text = row.cells[place + 1].textContent.trim();
      if (head.querySelector("button") && text && text !== "–") facts.set(head.textContent, text);
    });
  }
  byId("row-title").textContent = data.labels[index];
  byId("row-facts").replaceChildren(
    ...[...facts].flatMap(([name, text]) => [element("dt", name), element("dd", text)]),
  );
  const links = [[`#cells/${index}`, "Its cells"]], other = data.references[index];
  if (other !== null) links.push([`#cells/${index}+${other}`, `Its cells and those of ${data.labels[other]}`]);
  byId("row-links").replaceChildren(...links.flatMap(([address, text]) => {
    const made = element("a", text);
    made.href = address;
    return [made, " "];
  }));
  byId("row").showModal();
}

byId("row-close").addEventListener("click", () => byId("row").close());
byId("row").addEventListener("close", () => {
  if (location.hash.startsWith("#row/")) history.replaceState(null, "", `#${openName()}`);
});

// Cells: there may be thousands, so they come as data and a page of them is drawn at a time.
const COLUMNS = ["row", "seed", "status", "top1", "total_s", "id", "commit", "started", "message", "config"];
const allCells = data.cells.map(values => Object.fromEntries(COLUMNS.map((name, index) => [name, values[index]])));
for (const cell of allCells) {
  cell.label = data.labels[cell.row];
  cell.changed = cell.config === null ? "" : data.changed[cell.config];
}
const SHOWN = ["label", "seed", "status", "top1", "total_s", "changed", "id", "commit", "started", "message"];
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
  const row = element("tr", ""), head = element("th", cell.label), changed = element("td", "", "clip");
  head.scope = "row";
  if (cell.config !== null) {
    const settings = element("button", cell.changed || "settings");
    settings.type = "button";
    settings.addEventListener("click", () => showCell(cell));
    changed.append(settings);
  }
  row.append(
    head, element("td", cell.seed, "number"), element("td", cell.status),
    element("td", fixed(cell.top1, 1), "number"), element("td", fixed(cell.total_s, 0), "number"),
    changed, recordCell("td", cell), element("td", cell.commit, "code"), element("td", cell.started),
    element("td", cell.message, cell.message ? "long" : ""),
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
    ["Changed settings", cell.changed], ["Status", cell.status], ["Message", cell.message], ["Top-1 %", fixed(cell.top1, 1)],
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
