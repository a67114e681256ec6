// A card that is dragged: to another lane, which is its phase then; or within its lane to a state that
// a button leads to. The server moves it, not the mouse: the card is where it was until it is moved.

import { press } from "./act.js";
import { isFor, statusOf } from "./select.js";

const lanes = document.getElementById("lanes");
const presses = [...document.querySelectorAll("#toolbar [data-to]")];
const STATES = ["ready", "waiting", "claimed", "blocked", "done"];
let Sortable;
let marked;

// What dropping the card there does, and the part of the page that stands for it.
function meant(card, { x, y }) {
  const under = document.elementFromPoint(x, y);
  const [lane, cell] = [under?.closest(".lane:not(.gone)"), under?.closest(".cell")];
  if (!lane) return null;
  const { value } = card.querySelector("[name=card]");
  const { phase } = lane.dataset;
  if (phase !== card.closest(".lane").dataset.phase) return { part: lane, fields: { action: "phase", phase, card: value } };
  const state = STATES.find((each) => cell?.classList.contains(each));
  const to = state === "waiting" ? "ready" : state;
  const button = presses.find((each) => each.dataset.to === to && isFor(each, statusOf(value)));
  return button ? { part: cell, fields: { action: button.querySelector("button").value, card: value } } : null;
}

function mark(part) {
  marked?.classList.remove("target");
  marked = part;
  marked?.classList.add("target");
}

const point = ({ clientX, clientY, changedTouches }) => {
  const { clientX: x, clientY: y } = changedTouches?.[0] ?? { clientX, clientY };
  return { x, y };
};

let dragged;
const follow = (event) => mark(meant(dragged, point(event))?.part);

const OPTIONS = {
  draggable: "[data-card]",
  filter: "input, .menu-of, .chip",
  preventOnFilter: false,
  sort: false,
  group: { name: "cards", pull: false, put: false },
  forceFallback: true,
  fallbackOnBody: true,
  fallbackTolerance: 5,
  // A finger that scrolls does not drag.
  delay: 300,
  delayOnTouchOnly: true,
  onStart({ item }) {
    dragged = item;
    lanes.classList.add("dragging");
    addEventListener("pointermove", follow);
    addEventListener("touchmove", follow, { passive: true });
  },
  onEnd({ item, originalEvent }) {
    removeEventListener("pointermove", follow);
    removeEventListener("touchmove", follow);
    lanes.classList.remove("dragging");
    mark(null);
    const drop = originalEvent && meant(item, point(originalEvent));
    if (drop) press(drop.fields);
  },
};

async function load() {
  ({ default: Sortable } = await import("./vendor/sortablejs/sortable.esm.js"));
  lanes.classList.add("graspable");
}

if (presses.length) {
  // Who only reads does not need it; but a finger is not over a card before it presses.
  if (matchMedia("(any-pointer: coarse)").matches) load();
  else lanes.addEventListener("pointerover", load, { once: true });
  // A finger that stays takes a card in hand: its link has no menu then.
  lanes.addEventListener("contextmenu", (event) => {
    if (event.pointerType === "touch" && event.target.closest("ul.cards")) event.preventDefault();
  });
  // Cells are put in place of each other: the one in hand is made fit for it before it hears of it.
  lanes.addEventListener("pointerdown", (event) => {
    const list = event.target.closest("ul.cards");
    if (Sortable && list && !Sortable.get(list)) Sortable.create(list, OPTIONS);
  }, { capture: true });
}
