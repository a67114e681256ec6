// Keeps the board as the cards are: asks whether anything changed, fetches the cells that did,
// and puts them in place without taking the focus, the selection or the place on the page away.

import { heard, tell } from "./times.js";

const lanes = document.getElementById("lanes");
const news = document.getElementById("news");
const help = document.getElementById("help");
let version = lanes.dataset.version;
let timer;

const seconds = () => Number(lanes.dataset.seconds) * 1000;

function address(url, values) {
  const query = new URLSearchParams(location.search);
  for (const [name, value] of values) query.append(name, value);
  return `${url}?${query}`;
}

// Null: nothing to read. A redirect is the login page: the session is over.
async function read(url) {
  const answer = await fetch(url, { cache: "no-store", redirect: "manual" });
  heard(answer);
  if (answer.type === "opaqueredirect" || answer.status === 403) location.reload();
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer;
}

// Servers and what stands before them refuse an address of more bytes than some thousands.
const LONGEST = 4000;

async function look() {
  clearTimeout(timer);
  try {
    const answer = await read(address(lanes.dataset.live, [["v", version]]));
    if (answer) await take(await answer.json());
    if (news.dataset.trouble) say("");
    delete news.dataset.trouble;
  } catch (error) {
    news.dataset.trouble = "1";
    say(`Not up to date: ${error.message}. Trying again.`);
  }
  if (!document.hidden) timer = setTimeout(look, seconds());
}

function say(text) {
  news.textContent = text;
}

// Above the lanes; sent whenever anything is.
const ABOVE = ["totals", "banner"];

const busy = (part) => part.contains(document.activeElement?.closest("form, select, textarea, .answering"));

// Somebody gives an answer there: it stays, to what it was seen to answer.
const answered = (part) => busy(part) || [...part.querySelectorAll("textarea")].some((text) => text.value);

async function take(now) {
  const keys = Object.keys(now.cells).filter((key) => !ABOVE.includes(key));
  const here = new Map([...lanes.querySelectorAll("[data-signature]")].map((part) => [part.id, part]));
  if (keys.length !== here.size || keys.some((key) => !here.has(key))) return rebuild(now.version);
  const changed = keys.filter((key) => here.get(key).dataset.signature !== now.cells[key]);
  const free = changed.filter((key) => !busy(here.get(key)));
  const asked = address(lanes.dataset.cells, free.map((key) => ["key", key]));
  if (asked.length > LONGEST) return rebuild(now.version);
  const parts = await (await read(asked)).json();
  const banner = document.getElementById("banner");
  const paused = banner.dataset.signature !== now.cells.banner;
  if (!paused || busy(banner)) delete parts.cells.banner;
  const answering = answered(document.getElementById("totals"));
  if (answering) delete parts.cells.totals;
  keeping(() => {
    for (const [key, html] of Object.entries(parts.cells)) put(key, html);
  });
  if (free.length === changed.length && !(paused && busy(banner)) && !answering) version = now.version;
  const cells = free.filter((key) => here.get(key).matches(".cell")).length;
  if (parts.cells.banner) say(pauses());
  else if (cells) say(`${cells} ${cells === 1 ? "cell" : "cells"} updated`);
}

// What the banner says, for who does not see it.
function pauses() {
  const said = [...document.querySelectorAll("#banner strong")].map((each) => each.textContent);
  return said.join(" ") || "Nothing is paused any more.";
}

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function put(key, html) {
  const fresh = fragment(html);
  tell(fresh);
  const old = document.getElementById(key);
  for (const open of old.querySelectorAll(".answering[open]")) {
    const same = fresh.querySelector(`[data-question="${CSS.escape(open.dataset.question)}"]`);
    if (same) same.open = true;
  }
  if (old.tagName !== "SUMMARY") return old.replaceWith(fresh);
  old.replaceChildren(...fresh.childNodes); // it may have the focus
  old.dataset.signature = fresh.dataset.signature;
}

// A lane came or went, or more changed than can be asked for: the page as it is now has the lanes.
async function rebuild(next) {
  const page = await (await read(location.href)).text();
  const fresh = new DOMParser().parseFromString(page, "text/html");
  const open = new Map(
    [...lanes.querySelectorAll(".lane")].map((lane) => [lane.dataset.phase, lane.open]),
  );
  const answering = answered(document.getElementById("totals"));
  const above = ABOVE.filter((id) => id !== "totals" || !answering);
  keeping(() => {
    lanes.replaceChildren(...fresh.getElementById("lanes").children);
    for (const id of above) document.getElementById(id).replaceWith(fresh.getElementById(id));
    tell(document.getElementById("banner"));
    for (const lane of lanes.querySelectorAll(".lane")) {
      lane.open = open.get(lane.dataset.phase) ?? lane.open;
    }
    tell(lanes);
  });
  if (!answering) version = fresh.getElementById("lanes").dataset.version ?? next;
  say("Lanes updated");
}

// Change the lanes; then focus, selection and place are what they were.
function keeping(change) {
  const focused = document.activeElement?.closest("[data-card]")?.dataset.card;
  const box = document.activeElement?.matches("input");
  const chosen = new Set(
    [...lanes.querySelectorAll("[name=card]:checked")].map((input) => card(input)),
  );
  const top = scrollY;
  change();
  for (const input of lanes.querySelectorAll("[name=card]")) input.checked = chosen.has(card(input));
  if (focused !== undefined && !document.activeElement?.closest("[data-card]")) {
    find(focused)?.querySelector(box ? "input" : "a").focus({ preventScroll: true });
  }
  scrollTo({ top, behavior: "instant" });
  count();
}

const card = (element) => element.closest("[data-card]").dataset.card;
const find = (id) => lanes.querySelector(`[data-card="${CSS.escape(id)}"]`);

function count() {
  const label = document.getElementById("selected");
  if (!label) return;
  const selected = lanes.querySelectorAll("[name=card]:checked").length;
  label.textContent = `${selected} selected:`;
  document.getElementById("act").classList.toggle("busy", selected > 0);
}

// Keys --------------------------------------------------------------------------------------------

const visible = (element) => element.checkVisibility();

function step(by) {
  const all = [...lanes.querySelectorAll("[data-card]")].filter(visible);
  const at = all.findIndex((each) => each.contains(document.activeElement));
  all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]?.querySelector("a").focus();
}

function stepCell(by) {
  const all = [...lanes.querySelectorAll(".cell")].filter(
    (cell) => cell.querySelector("[data-card]") && visible(cell),
  );
  const at = all.findIndex((each) => each.contains(document.activeElement));
  all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]?.querySelector("[data-card] a").focus();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  l: () => stepCell(1),
  h: () => stepCell(-1),
  x: () => document.activeElement.closest("[data-card]")?.querySelector("input").click(),
  r: look,
  "/": () => document.getElementById("search").focus(),
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (typing || help.open || event.ctrlKey || event.metaKey || event.altKey || !(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
});

lanes.addEventListener("change", count);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
const keys = document.getElementById("keys");
keys.hidden = false;
keys.addEventListener("click", () => help.showModal());
count();
timer = setTimeout(look, seconds());
