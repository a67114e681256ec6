// Draws what the table of each large chart says, and tells the figures at the pointer, or at the
// place to which the arrow keys lead.

import uPlot from "./vendor/uplot/uPlot.esm.js";

const CHARTS = "figure.chart";
// Of the room of a moment so much is bars; labels along the time are as far apart, at least.
const FULL = 0.8;
const LABEL = 64;
// Whole cards: no mark between them.
const WHOLE = [1, 2, 5].flatMap((step) => Array.from({ length: 10 }, (_, n) => step * 10 ** n)).sort((a, b) => a - b);

const drawn = new WeakMap();

// The oldest moment first: the words as they stand in the table, the numbers, and where bars begin and end.
function read(figure) {
  const words = ({ cells }) => [...cells].map((cell) => cell.textContent);
  const [, ...names] = words(figure.querySelector("thead tr"));
  const rows = [...figure.querySelectorAll("tbody tr")].map(words).reverse();
  const number = (text) => (text === "" ? null : Number(text.replaceAll(",", "")));
  const columns = names.map((_, column) => rows.map((row) => number(row[column + 1])));
  const bottom = "stacked" in figure.dataset ? floors(columns) : columns.map((column) => column.map(() => 0));
  const top = columns.map((column, series) => column.map((number, n) => bottom[series][n] + (number ?? 0)));
  return { names, rows, bottom, top, data: [rows.map((_, n) => n), ...columns] };
}

// What is below each column where they stand one on the other: the first at the bottom.
function floors(columns) {
  let top = columns[0].map(() => 0);
  return columns.map((column) => {
    const floor = top;
    top = top.map((height, n) => height + column[n]);
    return floor;
  });
}

function label(moment) {
  if (moment.includes(":")) return moment.slice(-5);
  return new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

function bars(figure, look, series) {
  const stacked = "stacked" in figure.dataset;
  const width = stacked ? FULL : FULL / look().names.length;
  const mark = figure.querySelectorAll(".legend span")[series];
  return {
    fill: () => getComputedStyle(mark, "::before").backgroundColor,
    width: 0,
    points: { show: false },
    paths: uPlot.paths.bars({
      disp: {
        x0: { unit: 1, values: () => look().rows.map((_, n) => n - FULL / 2 + (stacked ? 0 : series * width)) },
        size: { unit: 1, values: () => [width] },
        y0: { unit: 1, values: () => look().bottom[series] },
        y1: { unit: 1, values: () => look().top[series] },
      },
    }),
  };
}

function axes(figure, style, look) {
  const axis = { stroke: () => style.color, font: `12px ${style.fontFamily}`, gap: 4 };
  const line = { stroke: () => style.borderTopColor, width: 1 };
  function moments({ width }) {
    const { length } = look().rows;
    const every = Math.ceil(length / Math.max(1, Math.floor(width / LABEL)));
    return look().rows.map((_, n) => n).filter((n) => (length - 1 - n) % every === 0);
  }
  return [
    { ...axis, splits: moments, values: (_, at) => at.map((n) => label(look().rows[n][0])), size: 28, grid: { show: false }, ticks: line },
    {
      ...axis,
      values: (_, numbers) => numbers.map((number) => number.toLocaleString("en")),
      size: (_, words) => 16 + 7 * Math.max(1, ...(words ?? []).map((word) => word.length)),
      grid: line,
      ticks: { show: false },
      ...("whole" in figure.dataset && { incrs: WHOLE }),
    },
  ];
}

// `look()` is the table as it is now.
function options(figure, drawing, look, shown) {
  return {
    width: drawing.clientWidth,
    height: drawing.clientHeight,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false } },
    scales: {
      x: { time: false, range: () => [-0.5, look().rows.length - 0.5] },
      y: { range: () => uPlot.rangeNum(0, Math.max(...look().top.flat()) || 1, 0.1, true) },
    },
    series: [{}, ...look().names.map((_, series) => bars(figure, look, series))],
    axes: axes(figure, getComputedStyle(drawing), look),
    hooks: { setCursor: [shown] },
  };
}

function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function point(plot, at) {
  plot.setCursor({ left: plot.valToPos(at, "x"), top: 0 });
}

// Left and right, to the first and to the last; `say` tells what is there.
function listen(drawing, plot, last, say) {
  drawing.addEventListener("keydown", (event) => {
    const at = plot.cursor.idx;
    const to = { ArrowLeft: (at ?? last() + 1) - 1, ArrowRight: (at ?? -1) + 1, Home: 0, End: last() }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const next = Math.min(Math.max(to, 0), last());
    point(plot, next);
    say(next);
  });
}

function chart(figure) {
  const drawing = figure.querySelector(".drawing");
  const tip = made("p", { className: "tip", ariaHidden: "true", hidden: true });
  const said = made("p", { className: "sr", role: "status" });
  let table = read(figure);
  const figures = (at) => table.names.map((name, series) => `${name} ${table.rows[at][series + 1] || "unknown"}`);

  // The topmost of what is stacked stands first, as it does in the picture.
  function shown(plot) {
    const at = plot.cursor.idx;
    tip.hidden = at == null;
    if (tip.hidden) return;
    tip.replaceChildren(made("b", { textContent: table.rows[at][0] }));
    for (const words of figures(at).reverse()) tip.append(made("br"), words);
    tip.style.left = `${plot.over.offsetLeft + plot.valToPos(at, "x")}px`;
    tip.classList.toggle("before", at >= table.rows.length / 2);
  }

  const plot = new uPlot(options(figure, drawing, () => table, shown), table.data, drawing);
  drawing.append(tip, said);
  Object.assign(drawing, { tabIndex: 0, role: "application" });
  drawing.setAttribute("aria-label", `${figure.querySelector("figcaption").textContent.trim()}: the arrow keys go through it`);

  listen(drawing, plot, () => table.rows.length - 1, (at) => {
    said.textContent = `${table.rows[at][0]}: ${figures(at).join(", ")}`;
  });
  drawing.addEventListener("blur", () => plot.setCursor({ left: -1, top: -1 }));
  new ResizeObserver(() => {
    const at = plot.cursor.idx;
    plot.setSize({ width: drawing.clientWidth, height: drawing.clientHeight });
    if (at != null) point(plot, at);
  }).observe(drawing);

  return {
    redraw: () => plot.redraw(),
    update() {
      table = read(figure);
      plot.setData(table.data);
      shown(plot);
    },
  };
}

function draw() {
  for (const figure of document.querySelectorAll(CHARTS)) {
    if (drawn.has(figure)) drawn.get(figure).update();
    else drawn.set(figure, chart(figure));
  }
}

function redraw() {
  for (const figure of document.querySelectorAll(CHARTS)) drawn.get(figure)?.redraw();
}

draw();
document.addEventListener("htmx:afterSwap", draw);
document.fonts.ready.then(redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
