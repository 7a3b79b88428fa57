// Figures that are drawn from the page's data when their tab is first opened. A click leads to a row.
const drawings = data.figures && {
  accuracy: drawAccuracy, differences: drawDifferences, cost: drawCost, curves: drawCurves, confusion: drawConfusion,
  "class-difference": drawClassDifference, subjects: drawSubjects,
};
const INK = "currentColor", BEST = "var(--better)", LESS = "var(--worse)", SOFT = "var(--soft)";
const LINES = [BEST, LESS, "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const DASHES = ["", "5 2", "2 2", "7 2 2 2", "10 3", "3 5"];
const MOST_BARS = 60;
const rowOf = index => data.figures.rows[index];
const nameOf = index => data.labels[index];
// A phone has room for what tells a variant from the others.
const tickOf = index => shorten(innerWidth < 640 ? nameOf(index).replace(/^FG-SGL (?=\S)/, "") : nameOf(index), most());
const hrefOf = index => `#row/${index}`;
const percent = value => value === undefined ? "not known" : `${value.toFixed(1)} %`;
const shorten = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;
const interval = row => row.low === undefined ? "" : ` (${row.low.toFixed(1)} to ${row.high.toFixed(1)})`;

function draw(place, options) {
  const width = Math.max(300, Math.min(byId(`chart-${place}`).clientWidth, options.most ?? 1100));
  const made = Plot.plot({ className: "drawn", width, ...options });
  made.setAttribute("role", "img");
  made.setAttribute("aria-label", byId(`chart-${place}-title`).textContent);
  for (const part of made.querySelectorAll("[aria-label], [aria-description]")) {
    part.removeAttribute("aria-label");
    part.removeAttribute("aria-description");
  }
  // A picture with marks that can be clicked; the tab key finds the same rows in the tables, not at every dot.
  for (const link of made.querySelectorAll("a")) {
    const address = link.href.baseVal, mark = link.firstElementChild;
    mark.classList.add("leads");
    mark.addEventListener("click", () => { location.hash = address; });
    link.replaceWith(mark);
  }
  byId(`chart-${place}`).replaceChildren(made);
}

const left = width => innerWidth < 640 ? 125 : width;
const most = () => innerWidth < 640 ? 19 : 34;
const chosen = place => Number(byId(`chart-${place}-choice`).value);

function drawAccuracy() {
  const protocol = byId("chart-accuracy-choice").value;
  const every = data.figures.rows.map((row, index) => ({ ...row, index })).filter(row => row.top1 !== undefined);
  const rows = every.filter(row => row.protocol === protocol && row.part !== "floor");
  const floors = every.filter(row => row.protocol === protocol && row.part === "floor");
  const title = row => `${nameOf(row.index)}\n${percent(row.top1)}${interval(row)}`;
  // Of two rows, whose places are numbers, Plot would make a scale with places between them.
  draw("accuracy", {
    height: 70 + 20 * rows.length, marginLeft: left(240), marginTop: 30,
    x: { label: "top-1 (%)", grid: true, nice: true, axis: "both" },
    y: { type: "point", label: null, domain: rows.map(row => row.index), tickFormat: tickOf, tickSize: 0 },
    marks: [
      Plot.ruleX(floors, { x: "top1", stroke: SOFT, strokeDasharray: "2 3" }),
      Plot.ruleX(rows.filter(row => row.reference), { x: "top1", stroke: BEST, strokeOpacity: 0.5 }),
      Plot.ruleY(rows.filter(row => row.low !== undefined), { x1: "low", x2: "high", y: "index", stroke: INK, strokeWidth: 1.6 }),
      Plot.dot(rows, {
        x: "top1", y: "index", r: 4, stroke: BEST, fill: row => row.part === "method" ? BEST : "var(--page)",
        title, tip: true, href: row => hrefOf(row.index),
      }),
    ],
  });
}

function drawDifferences() {
  const protocol = byId("chart-differences-choice").value;
  const rows = data.figures.rows.map((row, index) => ({ ...row, index }))
    .filter(row => row.protocol === protocol && row.by !== undefined).sort((a, b) => b.by - a.by);
  const signed = value => value < 0 ? `−${(-value).toFixed(1)}` : `+${value.toFixed(1)}`;
  const range = row => row.byLow === undefined ? "" : ` (${signed(row.byLow)} to ${signed(row.byHigh)})`;
  const colour = row => row.byLow > 0 ? BEST : row.byHigh < 0 ? LESS : INK;
  draw("differences", {
    height: 70 + 20 * rows.length, marginLeft: left(240), marginTop: 30,
    x: { label: "top-1 minus that of the reference (points)", grid: true, nice: true, axis: "both" },
    y: { type: "point", label: null, domain: rows.map(row => row.index), tickFormat: tickOf, tickSize: 0 },
    marks: [
      Plot.ruleX([0], { stroke: SOFT }),
      Plot.ruleY(rows.filter(row => row.byLow !== undefined), { x1: "byLow", x2: "byHigh", y: "index", stroke: colour, strokeWidth: 1.6 }),
      Plot.dot(rows, {
        x: "by", y: "index", r: 4, fill: colour, tip: true, href: row => hrefOf(row.index),
        title: row => `${nameOf(row.index)}\n${signed(row.by)} points${range(row)}`,
      }),
    ],
  });
}

const COSTS = {
  params_m: "parameters (M)", gflops: "GFLOPs a clip", latency_ms: "latency of a clip (ms)", train_s: "training of a cell (s)",
  peak_memory_mib: "peak memory (MiB)",
};
const MACHINE = ["latency_ms", "train_s", "peak_memory_mib"];  // compare only on one machine

function drawCost() {
  const name = byId("chart-cost-choice").value, machine = byId("chart-cost-machine");
  const protocol = byId("chart-cost-protocol").value;
  const known = data.figures.rows.map((row, index) => ({ ...row, index }))
    .filter(row => row.protocol === protocol && row.part === "method" && row.top1 !== undefined && row[name] > 0);
  machine.parentElement.hidden = !MACHINE.includes(name);
  const machines = [...new Set(known.map(row => row.hardware))];
  const before = machine.value;
  machine.replaceChildren(...machines.map(text => new Option(text, text, false, text === before)));
  const rows = MACHINE.includes(name) ? known.filter(row => row.hardware === machine.value) : known;
  draw("cost", {
    most: 800, height: 420, marginLeft: 50, marginRight: 120,
    x: { label: COSTS[name], type: "log", grid: true, nice: true, ticks: 6, tickFormat: "~g" },
    y: { label: "top-1 (%)", grid: true, nice: true },
    marks: [
      Plot.dot(rows, {
        x: name, y: "top1", r: row => row.full ? 5 : 3, fill: row => row.reference ? LESS : BEST,
        fillOpacity: row => row.full ? 1 : 0.45, tip: true, href: row => hrefOf(row.index),
        title: row => `${nameOf(row.index)}\n${percent(row.top1)}\n${COSTS[name]}: ${row[name]}`,
      }),
      Plot.text(rows.filter(row => row.full), {
        x: name, y: "top1", text: row => shorten(nameOf(row.index), 24), textAnchor: "start", dx: 9, fill: INK,
      }),
    ],
  });
}

function drawCurves() {
  const what = byId("chart-curves-choice").value;
  const protocol = byId("chart-curves-protocol").value;
  const curves = data.figures.curves.filter(curve => curve.what === what && rowOf(curve.row).protocol === protocol);
  const order = curves.map(curve => curve.row)
    .sort((a, b) => rowOf(b).reference - rowOf(a).reference || rowOf(b).full - rowOf(a).full || a - b);
  const named = order.slice(0, LINES.length);
  const points = curves.flatMap(({ row, epochs, values }) => epochs.map((epoch, at) => ({ row, epoch, value: values[at] })));
  const ends = named.map(row => points.findLast(point => point.row === row)).sort((a, b) => b.value - a.value);
  const [low, high] = [Math.min(...points.map(p => p.value)), Math.max(...points.map(p => p.value))];
  const apart = (high - low || 1) / 24;
  let below = Infinity;
  for (const end of ends) below = end.place = Math.min(end.value, below - apart);
  const title = point => `${nameOf(point.row)}\nepoch ${point.epoch}: ${point.value}`;
  draw("curves", {
    most: 800, height: 420, marginLeft: 50, marginRight: innerWidth < 640 ? 110 : 200,
    x: { label: "epoch", interval: 1, tickFormat: "d", ticks: 8 }, y: { label: what === "loss" ? "training loss" : "validation top-1 (%)", grid: true },
    marks: [
      Plot.line(points.filter(p => !named.includes(p.row)), { x: "epoch", y: "value", z: "row", stroke: SOFT, strokeOpacity: 0.35 }),
      ...named.map((row, at) => Plot.line(points.filter(p => p.row === row), {
        x: "epoch", y: "value", stroke: LINES[at], strokeWidth: 2, strokeDasharray: DASHES[at],
      })),
      Plot.dot(points, {
        x: "epoch", y: "value", r: 5, fillOpacity: 0, strokeOpacity: 0, title, tip: true, href: p => hrefOf(p.row),
      }),
      Plot.text(ends, {
        x: "epoch", y: "place", text: end => shorten(nameOf(end.row), most() - 8), textAnchor: "start", dx: 8,
        fill: end => LINES[named.indexOf(end.row)],
      }),
    ],
  });
}

function drawConfusion() {
  const found = data.figures.confusion[chosen("confusion")], { names, cells } = found;
  const part = byId("chart-confusion-part");
  part.textContent = found.of > names.length ? `${names.length} of ${found.of} classes, the most confused ones.` : "";
  const size = Math.max(12, Math.min(30, 640 / names.length)), label = index => shorten(names[index], most());
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  draw("confusion", {
    most: left(250) + size * names.length + 30, height: 190 + size * names.length, marginLeft: left(250), marginBottom: 180,
    x: { label: "answer", labelOffset: 172, domain: names.keys(), tickFormat: label, tickRotate: -60, tickSize: 0 },
    y: { label: "true class", domain: names.keys(), tickFormat: label, tickSize: 0 },
    color: { type: "linear", domain: [0, 100], range: dark ? ["#15171a", "#8fd0ff"] : ["#ffffff", "#08519c"],
      interpolate: "rgb", legend: false },
    marks: [
      Plot.cell(cells, {
        x: "1", y: "0", fill: "2", stroke: "var(--line)", tip: true, href: () => hrefOf(found.row),
        title: ([truth, said, share]) => `${names[truth]}\nanswered ${names[said]}: ${share} %`,
      }),
    ],
  });
}

function drawClassDifference() {
  const mine = data.classes.rows.find(({ row }) => row === chosen("class-difference"));
  const theirs = data.classes.rows.find(({ row }) => row === data.references[mine.row]);
  const { names, clips } = data.classes.sets[mine.set];
  const all = names.map((name, index) => ({ name, clips: clips[index], one: mine.values[index][0], other: theirs.values[index][0] }))
    .filter(bar => bar.one !== null && bar.other !== null).map(bar => ({ ...bar, by: bar.one - bar.other }))
    .sort((a, b) => b.by - a.by);
  const size = bar => Math.abs(bar.by), large = new Set([...all].sort((a, b) => size(b) - size(a)).slice(0, MOST_BARS));
  const bars = all.filter(bar => large.has(bar));
  byId("chart-class-difference-part").textContent = bars.length < all.length
    ? `${bars.length} of ${all.length} classes, the largest differences.` : "";
  draw("class-difference", {
    most: 800, height: 60 + 18 * bars.length, marginLeft: left(280), marginTop: 30,
    x: { label: `recall minus that of ${nameOf(theirs.row)} (points)`, grid: true, nice: true },
    y: { label: null, domain: bars.map(bar => bar.name), tickFormat: name => shorten(name, most() + 6), tickSize: 0 },
    marks: [
      Plot.barX(bars, {
        x: "by", y: "name", fill: bar => bar.by < 0 ? LESS : BEST, tip: true, href: () => hrefOf(mine.row),
        title: bar => `${bar.name} (${bar.clips} clips)\n${bar.one.toFixed(1)} % against ${bar.other.toFixed(1)} %`,
      }),
      Plot.ruleX([0], { stroke: INK }),
    ],
  });
}

function drawSubjects() {
  const { names, rows, values } = data.figures.subjects[chosen("subjects")];
  const cells = rows.flatMap((row, at) => names.map((name, column) => ({ row, name, value: values[at][column] })));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  draw("subjects", {
    most: left(240) + 46 * names.length, height: 90 + 20 * rows.length, marginLeft: left(240), marginTop: 60,
    x: { label: "test subject", domain: names, axis: "top", tickRotate: -45, tickSize: 0 },
    y: { label: null, domain: rows, tickFormat: tickOf, tickSize: 0 },
    color: { type: "linear", range: dark ? ["#15171a", "#8fd0ff"] : ["#ffffff", "#08519c"], interpolate: "rgb",
      domain: [Math.min(...cells.map(cell => cell.value)), Math.max(...cells.map(cell => cell.value))] },
    marks: [
      Plot.cell(cells, {
        x: "name", y: "row", fill: "value", stroke: "var(--line)", tip: true, href: cell => hrefOf(cell.row),
        title: cell => `${nameOf(cell.row)}\nsubject ${cell.name}: ${percent(cell.value)}`,
      }),
      Plot.text(innerWidth < 640 ? [] : cells, {
        x: "name", y: "row", text: cell => cell.value.toFixed(0), fontSize: 9, pointerEvents: "none",
        fill: cell => (cell.value - Math.min(...values.flat())) > 0.55 * (Math.max(...values.flat()) - Math.min(...values.flat()))
          ? "var(--page)" : INK,
      }),
    ],
  });
}

if (drawings) {
  const shown = Object.keys(drawings).filter(name => byId(`chart-${name}`));
  const protocolsWith = holds => {  // the one with the most rows first
    const rows = data.figures.rows.filter(holds), count = name => rows.filter(row => row.protocol === name).length;
    return [...new Set(rows.map(row => row.protocol))].sort((a, b) => count(b) - count(a)).map(name => [data.protocols[name], name]);
  };
  const options = {
    accuracy: protocolsWith(row => row.top1 !== undefined),
    differences: protocolsWith(row => row.by !== undefined),
    cost: Object.entries(COSTS).filter(([name]) => data.figures.rows.some(row => row.part === "method" && row[name] > 0))
      .map(([name, text]) => [text, name]),
    curves: [["validation top-1", "val_top1"], ["training loss", "loss"]]
      .filter(([, name]) => data.figures.curves.some(curve => curve.what === name)),
    confusion: data.figures.confusion.map(({ row }, index) => [nameOf(row), index]),
    "class-difference": data.classes.rows.filter(({ row, set }) => data.references[row] !== null &&
      data.classes.rows.some(other => other.row === data.references[row] && other.set === set)).map(({ row }) => [nameOf(row), row]),
    subjects: data.figures.subjects.map((group, index) => [data.protocols[rowOf(group.rows[0]).protocol], index]),
  };
  for (const name of shown) {
    const choice = byId(`chart-${name}-choice`);
    choice.append(...options[name].map(([text, value]) => new Option(text, value)));
    if (choice.options.length < 2) choice.parentElement.hidden = true;
    if (!choice.options.length) byId(`chart-${name}`).closest("figure").hidden = true;
    choice.addEventListener("change", drawings[name]);
  }
  const curved = new Set(data.figures.curves.map(curve => curve.row));
  const protocols = {  // of the charts whose own list chooses something else
    cost: protocolsWith(row => row.part === "method" && row.top1 !== undefined && options.cost.some(([, name]) => row[name] > 0)),
    curves: protocolsWith(row => curved.has(data.figures.rows.indexOf(row))),
  };
  for (const name of Object.keys(protocols).filter(name => shown.includes(name))) {
    const choice = byId(`chart-${name}-protocol`);
    choice.append(...protocols[name].map(([text, value]) => new Option(text, value)));
    choice.parentElement.hidden = choice.options.length < 2;
    choice.addEventListener("change", drawings[name]);
  }
  byId("chart-cost-machine")?.addEventListener("change", drawCost);
  let drawnAt = null;  // width and colours
  const drawAll = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches, now = `${innerWidth} ${dark}`;
    if (byId("figures").hidden || now === drawnAt) return;
    drawnAt = now;
    for (const name of shown) if (byId(`chart-${name}-choice`).options.length) drawings[name]();
  };
  new MutationObserver(drawAll).observe(byId("figures"), { attributes: true, attributeFilter: ["hidden"] });
  addEventListener("resize", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
}
