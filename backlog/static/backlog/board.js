// Keeps the board as the cards are: asks whether anything changed, fetches the cells that did,
// and puts them in place without taking the focus, the selection or the place on the page away.

import { PATIENCE } from "./ask.js";
import "./drag.js";
import "./drawer.js";
import { cards, listen, search, select, step } from "./keys.js";
import "./menu.js";
import { inView, late, put, settle } from "./parts.js";
import { count } from "./select.js";
import { heard, tell } from "./times.js";
import { depart } from "./typed.js";

const lanes = document.getElementById("lanes");
const news = document.getElementById("news");
let version = lanes.dataset.version;
let timer;

const seconds = () => Number(lanes.dataset.seconds) * 1000;

function address(url, values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of values) query.append(name, value);
  return `${url}?${query}`;
}

// What `as` says: "json" or "text". Null: nothing to read. A redirect is the login page: the session is over.
async function read(url, as) {
  const away = () => {
    throw new Error("the server is away");
  };
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(url, { cache: "no-store", redirect: "manual", signal }).catch(away);
  heard(answer);
  if (answer.type === "opaqueredirect" || answer.status === 403) depart();
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer[as]().catch(away); // it may fall silent in the middle
}

// Servers and what stands before them refuse an address of more bytes than some thousands.
const LONGEST = 4000;

// `all`: the reader asks for the board as it is, whatever moves.
async function look(all = false) {
  clearTimeout(timer);
  try {
    const now = await read(address(lanes.dataset.live, [["v", version]]), "json");
    if (!dragging()) {
      if (now) await take(now);
      if (late.size && (all || performance.now() - touched > ALONE)) await rebuild(true);
      else keeping(settle);
    }
    if (news.dataset.trouble) say("");
    delete news.dataset.trouble;
  } catch (error) {
    news.dataset.trouble = "1";
    say(`Not up to date: ${error.message}. Trying again.`);
  }
  if (!document.hidden) timer = setTimeout(look, seconds());
}

// Somebody has a card in hand: under the pointer nothing changes.
const dragging = () => lanes.classList.contains("dragging");

// As long after the reader's last move nobody reads, and everything may take its place.
const ALONE = 120_000;
let touched = performance.now();
for (const move of ["pointermove", "keydown", "wheel", "scroll"]) {
  addEventListener(move, () => (touched = performance.now()), { passive: true });
}

async function take(now) {
  const keys = Object.keys(now.cells);
  const here = new Map([...document.querySelectorAll("[data-signature]")].map((part) => [part.id, part]));
  if (keys.length !== here.size || keys.some((key) => !here.has(key))) return rebuild();
  const changed = keys.filter((key) => here.get(key).dataset.signature !== now.cells[key]);
  const free = changed.filter((key) => !busy(here.get(key)));
  const asked = address(lanes.dataset.cells, free.map((key) => ["key", key]));
  if (asked.length > LONGEST) return rebuild();
  const parts = await read(asked, "json");
  if (dragging()) return;
  keeping(() => {
    for (const key of free) if (parts.cells[key]) put(key, parts.cells[key]);
  });
  if (free.length === changed.length) version = now.version;
  tellWhatMatters();
}

// Somebody is about to press or to write there.
function busy(part) {
  // An answer that is begun stays, to what it was seen to answer.
  const typed = [...part.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
  return typed || part.contains(document.activeElement?.closest("form, select, textarea, .answering"));
}

// Lanes came or went, or more changed than can be asked for: the page as it is now has all.
async function rebuild(all = false) {
  const page = await read(location.href, "text");
  if (dragging()) return;
  const fresh = new DOMParser().parseFromString(page, "text/html");
  if (!fresh.getElementById("lanes")) return depart(); // the last card has gone
  const { children, dataset } = fresh.getElementById("lanes");
  const left = [];
  keeping(() => {
    if (all) replaceLanes([...children]);
    else mergeLanes([...children]);
    for (const part of fresh.querySelectorAll("[data-signature]")) {
      const mine = document.getElementById(part.id);
      if (!all && mine.dataset.signature === part.dataset.signature) continue;
      if (busy(mine)) left.push(part.id);
      else put(part.id, part.outerHTML, all);
    }
  });
  if (!left.length) version = dataset.version;
  offerTurn();
  tellWhatMatters();
}

function replaceLanes(coming) {
  const open = new Map(laneList().map((lane) => [lane.dataset.phase, box(lane).open]));
  late.clear();
  lanes.replaceChildren(...coming);
  fold(laneList());
  for (const lane of laneList()) box(lane).open = open.get(lane.dataset.phase) ?? box(lane).open;
  tell(lanes);
}

// A lane that has gone stays as long as it is in view, and one that comes goes where it moves none.
function mergeLanes(coming) {
  const phases = coming.map((lane) => lane.dataset.phase);
  lanes.querySelector(".empty")?.remove();
  for (const lane of laneList().filter((lane) => !phases.includes(lane.dataset.phase))) leave(lane);
  for (const [n, lane] of coming.entries()) {
    const mine = laneList();
    if (mine.some((each) => each.dataset.phase === lane.dataset.phase)) continue;
    const next = mine.find((each) => phases.indexOf(each.dataset.phase) > n);
    if (next && !inView(next)) next.before(lane);
    else lanes.append(lane);
    tell(lane);
    fold([lane]);
  }
}

function leave(lane) {
  if (!inView(lane)) return lane.remove();
  lane.className = "lane gone";
  lane.inert = true;
  for (const part of lane.querySelectorAll("[data-signature]")) {
    part.removeAttribute("id");
    delete part.dataset.signature;
  }
  for (const row of lane.querySelectorAll("[data-card]")) delete row.dataset.card;
  for (const input of lane.querySelectorAll("[name=card]")) input.removeAttribute("name");
}

// What of a lane is folded: beside its name, which is a link.
const box = (lane) => lane.querySelector("details");
const laneList = () => [...lanes.querySelectorAll(".lane:not(.gone)")];

// Change the lanes; then focus and selection are what they were.
function keeping(change) {
  const active = document.activeElement;
  const row = active?.closest("[data-card], [data-needs]");
  const focused = row?.dataset.card ?? row?.dataset.needs;
  const places = [row?.dataset.card === undefined ? "data-needs" : "data-card", "data-card"];
  const what = active?.matches("input, button") ? active.tagName : active?.matches(".menu-of") ? ".menu-of" : "a";
  const chosen = new Set(
    [...lanes.querySelectorAll("[name=card]:checked")].map((input) => card(input)),
  );
  change();
  for (const input of lanes.querySelectorAll("[name=card]")) input.checked = chosen.has(card(input));
  if (row && (row.inert || !row.isConnected)) {
    const [found] = places.map((place) => document.querySelector(`[${place}="${CSS.escape(focused)}"]`)).filter(Boolean);
    found?.querySelector(what)?.focus({ preventScroll: true });
  }
  count();
}

// News --------------------------------------------------------------------------------------------

// Who listens hears what needs an operator, and what is paused, at most once in as long.
const QUIET = 30_000;
let quietUntil = 0;
let waiting;

function say(text) {
  if (news.textContent !== text) news.textContent = text;
}

const needing = () => Number(document.getElementById("attention").dataset.total);
const pauses = () => [...document.querySelectorAll("#banner strong")].map((each) => each.textContent).join(" ");
let told = { needing: needing(), pauses: pauses() };

function tellWhatMatters() {
  clearTimeout(waiting);
  const wait = quietUntil - performance.now();
  if (wait > 0) return (waiting = setTimeout(tellWhatMatters, wait));
  const now = { needing: needing(), pauses: pauses() };
  const said = [];
  if (now.pauses !== told.pauses) said.push(now.pauses || "Nothing is paused any more.");
  if (now.needing > told.needing) said.push(`${now.needing} ${now.needing === 1 ? "card needs" : "cards need"} attention.`);
  told = now;
  if (!said.length) return;
  say(said.join(" "));
  quietUntil = performance.now() + QUIET;
}

// Lanes -------------------------------------------------------------------------------------------

// Which lanes this browser has opened or folded last, by phase.
const FOLDS = "folds";
const MOST_FOLDS = 500;
const folds = new Map(remembered());

// A browser may keep nothing for anybody.
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(FOLDS)) ?? [];
  } catch {
    return [];
  }
}

function remember() {
  try {
    localStorage.setItem(FOLDS, JSON.stringify([...folds].slice(-MOST_FOLDS)));
  } catch {
    // Then for this page only.
  }
}

function fold(some) {
  for (const lane of some) box(lane).open = folds.get(lane.dataset.phase) ?? box(lane).open;
}

lanes.addEventListener("click", (event) => {
  const lane = event.target.closest(".lane > details > summary")?.closest(".lane");
  if (!lane) return;
  keepFold(lane, !box(lane).open); // it is about to turn
  remember();
});

function keepFold(lane, open) {
  folds.delete(lane.dataset.phase);
  folds.set(lane.dataset.phase, open);
}

// The button of all lanes opens them as long as one of them is folded.
const every = document.getElementById("every-lane");
const turn = every.querySelector("button");

function offerTurn() {
  const open = laneList().every((lane) => box(lane).open);
  every.hidden = laneList().length < 2;
  turn.value = open ? "folded" : "open";
  turn.textContent = open ? "Fold all lanes" : "Open all lanes";
}

function turnAll() {
  const at = document.activeElement.closest(".lane");
  const open = turn.value === "open";
  for (const lane of laneList()) {
    box(lane).open = open;
    keepFold(lane, open);
  }
  remember();
  if (at && !document.activeElement.checkVisibility()) at.querySelector("summary").focus();
}

every.addEventListener("submit", (event) => {
  event.preventDefault();
  turnAll();
});
lanes.addEventListener("toggle", offerTurn, { capture: true }); // of each lane: it does not bubble

// Of a cell the first cards are seen, and by its button the others, or no more than those again.
lanes.addEventListener("click", (event) => {
  const button = event.target.closest(".more");
  if (!button) return;
  const cell = button.closest(".cell");
  const first = cards(cell).length;
  cell.style.height = ""; // it may have kept that of the first
  if (cell.classList.toggle("whole")) cards(cell)[first]?.querySelector("a").focus({ preventScroll: true });
  else button.scrollIntoView({ block: "nearest" }); // from below all that are seen no more
});

const card = (element) => element.closest("[data-card]").dataset.card;

// Keys --------------------------------------------------------------------------------------------

const inCells = () =>
  [...lanes.querySelectorAll(".cell")].filter((cell) => cell.querySelector("[data-card]") && cell.checkVisibility());

listen({
  j: () => step(cards(lanes), 1),
  k: () => step(cards(lanes), -1),
  l: () => step(inCells(), 1),
  h: () => step(inCells(), -1),
  o: turnAll,
  x: select,
  r: () => look(true),
  "/": search,
});

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look(true)));
document.addEventListener("acted", () => look());
fold(laneList());
offerTurn();
timer = setTimeout(look, seconds());
