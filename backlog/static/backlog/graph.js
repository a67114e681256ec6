// Draws what the table of the neighbourhood says: from left, what is waited for, to right.

import { Graph, layout } from "./vendor/dagre/dagre.esm.js";

const WIDTH = 168;
const HEIGHT = 44;
const MOST_LETTERS = 20;
const TIP = 7;
// Of its size it has as much where there is no more room.
const SMALLEST = 0.8;

let drawn;

function element(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function card(row) {
  const link = row.querySelector("a");
  return {
    id: link.textContent,
    said: row.querySelector("th").textContent.trim(),
    href: link.getAttribute("href"),
    state: row.dataset.state,
    here: row.hasAttribute("aria-current"),
    critical: "critical" in row.dataset,
    needs: row.dataset.needs.split(" ").filter(Boolean),
  };
}

function placed(cards) {
  const graph = new Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, edgesep: 16, ranksep: 64, marginx: 4, marginy: 4 });
  graph.setDefaultEdgeLabel(() => ({}));
  cards.forEach((_, number) => graph.setNode(String(number), { width: WIDTH, height: HEIGHT }));
  cards.forEach(({ needs }, number) => needs.forEach((needed) => graph.setEdge(needed, String(number))));
  layout(graph);
  for (const name of graph.nodes()) attach(graph, name);
  return graph;
}

// Of a circle, which an earlier version may have left, one edge leads back; else all lead to the right.
const forwards = (graph, { v, w }) => graph.node(v).x < graph.node(w).x;

// Edges begin and end at the sides of a card that the columns beside it are on, in the order of where they
// lead. The layout lets them begin above or below it, too: they would run behind its neighbours.
function attach(graph, name) {
  const { x, y } = graph.node(name);
  const side = (edges, end, by) => {
    const next = (edge) => graph.edge(edge).points.at(end ? -2 : 1).y;
    edges.sort((one, other) => next(one) - next(other));
    for (const [number, edge] of edges.entries()) {
      const { points } = graph.edge(edge);
      points[end ? points.length - 1 : 0] = {
        x: x + ((forwards(graph, edge) ? by : -by) * WIDTH) / 2,
        y: y + HEIGHT * ((number + 1) / (edges.length + 1) - 0.5),
      };
    }
  };
  side(graph.outEdges(name), false, 1);
  side(graph.inEdges(name), true, -1);
}

// Where the layout leads an edge past the cards of a column it goes straight; it bends between columns.
// A straight line from one such point to the next would cut the corner of a card.
function path(points, columns, isForwards) {
  const [first, ...rest] = points;
  const last = rest.pop();
  const past = rest.filter(({ x }) => columns.some((column) => Math.abs(column - x) < 1));
  const by = isForwards ? 1 : -1;
  let [x, y] = [first.x, first.y];
  let d = `M${x},${y}`;
  const bend = (toX, toY) => {
    const middle = (x + toX) / 2;
    d += ` C${middle},${y} ${middle},${toY} ${toX},${toY}`;
    [x, y] = [toX, toY];
  };
  for (const point of past) {
    bend(point.x - (by * WIDTH) / 2, point.y);
    x = point.x + (by * WIDTH) / 2;
    d += ` H${x}`;
  }
  bend(last.x - by * TIP, last.y);
  return d;
}

function box({ id, said, href, state, here, critical }, { x, y }) {
  const letters = [...id];
  const label = letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join("")}…` : id;
  const node = element(
    "g",
    { transform: `translate(${x - WIDTH / 2} ${y - HEIGHT / 2})`, class: `node ${state}${here ? " here" : ""}${critical ? " critical" : ""}` },
    element("rect", { width: WIDTH, height: HEIGHT, rx: 6 }),
    element("text", { x: 10, y: 18, class: "id" }, label),
    element("text", { x: 10, y: 35, class: "status" }, state),
  );
  return element("a", { href, "aria-label": `${said}, ${state}` }, element("title", {}, said), node);
}

function picture(cards) {
  const graph = placed(cards);
  const { width, height } = graph.graph();
  const columns = [...new Set(graph.nodes().map((name) => graph.node(name).x))];
  const arrows = graph.edges().map((edge) => {
    const d = path(graph.edge(edge).points, columns, forwards(graph, edge));
    const critical = cards[edge.v].critical && cards[edge.w].critical;
    return element("path", { class: critical ? "arrow critical" : "arrow", d, "marker-end": "url(#tip)" });
  });
  const boxes = cards.map((each, number) => box(each, graph.node(String(number))));
  const tip = element("path", { d: "M0,0 L8,4 L0,8 z", class: "tip" });
  const size = { viewBox: "0 0 8 8", refX: 1, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
  const drawing = element(
    "svg",
    { class: "graph", width, height, viewBox: `0 0 ${width} ${height}`, role: "group" },
    element("defs", {}, element("marker", { id: "tip", ...size }, tip)),
    ...arrows,
    ...boxes,
  );
  drawing.style.minWidth = `${SMALLEST * width}px`;
  return drawing;
}

function draw() {
  const drawing = document.getElementById("drawing");
  if (!drawing) return;
  const cards = [...document.querySelectorAll("#ranks tbody tr")].map(card);
  const said = JSON.stringify(cards);
  const isNew = drawing.hidden;
  if (!isNew && said === drawn) return;
  drawing.replaceChildren(picture(cards));
  drawing.hidden = false;
  drawn = said;
  if (!isNew) return;
  document.getElementById("ranks").open = false;
  const here = drawing.querySelector(".here")?.getBoundingClientRect();
  if (here) drawing.scrollLeft = here.x + here.width / 2 - drawing.getBoundingClientRect().x - drawing.clientWidth / 2;
}

draw();
document.addEventListener("htmx:afterSwap", draw);
