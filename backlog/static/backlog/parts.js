// Puts a part of the board in place of what it was without moving what is being read. In view, a card
// that goes leaves its place free, and one that comes takes a free place, or the end of its cell,
// which keeps its height. What is out of view is as the server has it.

import { tell } from "./times.js";

// The parts that are not, and how they should be.
export const late = new Map();

const name = (row) => row.dataset.card ?? row.dataset.needs;
const byId = (key) => document.getElementById(key);

const tall = (element) => element.getBoundingClientRect().height;

export function inView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > top && bottom > 0 && top < innerHeight;
}

// `anyhow`: whatever it moves.
export function put(key, html, anyhow = false) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  const old = byId(key);
  tell(fresh);
  late.delete(key);
  if (old.tagName === "SUMMARY") {
    old.replaceChildren(...fresh.childNodes); // it may have the focus
  } else if (!anyhow && old.querySelector("[data-rows]") && inView(old)) {
    late.set(key, html);
    hold(old, fresh);
  } else {
    return swap(old, fresh);
  }
  Object.assign(old.dataset, { ...fresh.dataset });
}

// What has gone out of view by now may be as it should.
export function settle() {
  for (const [key, html] of late) {
    if (!byId(key)) late.delete(key);
    else if (!inView(byId(key))) put(key, html);
  }
}

// The focus stays at what has the same place in it.
function swap(old, fresh) {
  keepOpen(old, fresh);
  const what = "a, button, input";
  const at = [...old.querySelectorAll(what)].indexOf(document.activeElement);
  old.replaceWith(fresh);
  if (at >= 0) fresh.querySelectorAll(what)[at]?.focus({ preventScroll: true });
}

// What was opened in it stays open.
function keepOpen(old, fresh) {
  fresh.classList.toggle("whole", old.classList.contains("whole"));
  for (const { dataset } of old.querySelectorAll(".answering[open]")) {
    const same = fresh.querySelector(`[data-question="${CSS.escape(dataset.question)}"]`);
    if (same) same.open = true;
  }
}

function hold(old, fresh) {
  old.style.height = `${tall(old)}px`;
  old.classList.add("steady");
  const tags = [...fresh.children].map((child) => child.tagName);
  for (const mine of [...old.children]) if (!tags.includes(mine.tagName)) mine.remove();
  for (const child of [...fresh.children]) {
    const mine = [...old.children].find((each) => each.tagName === child.tagName);
    if (child.matches("[data-rows]")) rows(mine, child);
    else if (mine) swap(mine, child);
    else old.append(child);
  }
}

function rows(list, fresh) {
  const coming = new Map([...fresh.children].filter(name).map((row) => [name(row), row]));
  const here = [...list.children].map((row) => [row, tall(row)]);
  for (const [row, height] of here) {
    const next = coming.get(name(row));
    coming.delete(name(row));
    if (next) replace(row, next, height);
    else if (name(row)) free(row);
  }
  for (const row of coming.values()) {
    list.append(row);
    const place = [...list.querySelectorAll("[data-free]")].find((each) => tall(each) >= tall(row));
    if (place) replace(place, row, tall(place));
  }
  // One that is not seen, since others stood before it.
  for (const place of list.querySelectorAll("[data-free]")) {
    const next = [...list.children].find((row) => name(row) && !row.checkVisibility());
    if (next && place.checkVisibility()) replace(place, next, tall(place));
  }
}

function replace(row, next, height) {
  keepOpen(row, next);
  next.style.minHeight = `${height}px`;
  row.replaceWith(next);
}

// To be seen, but neither selected nor found.
function free(row) {
  row.classList.add("gone");
  row.dataset.free = "";
  row.inert = true;
  delete row.dataset.card;
  delete row.dataset.needs;
  for (const input of row.querySelectorAll("input, button")) input.disabled = true;
  for (const input of row.querySelectorAll("[name=card]")) input.removeAttribute("name");
}

addEventListener("resize", () => {
  for (const part of document.querySelectorAll(".steady")) part.style.height = "";
});
