// Single keys, where nobody writes: those of a page, or of a dialog while it is the one that is open.

import { single } from "./select.js";

const help = document.getElementById("help");

export function listen(keys, within = null) {
  document.addEventListener("keydown", (event) => {
    const open = document.querySelectorAll("dialog[open], :popover-open");
    const here = within ? open.length === 1 && within.open : !open.length;
    if (!here || !single(event) || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}

// The focus to the link of the next of these, or the first.
export function step(rows, by) {
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  rows[at < 0 ? 0 : Math.min(Math.max(at + by, 0), rows.length - 1)]?.querySelector("a").focus();
}

export const cards = (root) => [...root.querySelectorAll("[data-card]")].filter((row) => row.checkVisibility());

export const select = () => document.activeElement.closest("[data-card]")?.querySelector("input").click();

// To the field of the filters, which are folded on a phone.
export function search() {
  const field = document.getElementById("search");
  if (!field.checkVisibility()) field.form.showPopover();
  field.focus();
}

export const everywhere = {
  "?": () => help.showModal(),
  z: () => document.querySelector(".messages .undo button")?.focus(),
};

// What is on a card's page, in the page itself or in the drawer.
export const onCard = (root) => ({
  a: () => [...root.querySelectorAll(":is(.acts, .action) button")].find((button) => button.checkVisibility())?.focus(),
  c: () => root.querySelector("[value=comment]")?.form.note.focus(),
  e: () => root.querySelector(".heading a")?.click(),
  u: () => root.querySelector("[value=answer]")?.form.note.focus(),
});

listen(everywhere);
document.getElementById("keys")?.addEventListener("click", everywhere["?"]);
