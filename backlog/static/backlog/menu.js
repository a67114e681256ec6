// The menu of one card: its priority and its phase in place, and where it can be moved. What a mouse
// does by dragging, a keyboard and a finger do here.

import { isFor, statusOf } from "./select.js";

const menu = document.getElementById("menu");
let opener;

function open(link) {
  const row = link.closest("[data-card]");
  const { value } = row.querySelector("[name=card]");
  const { phase } = row.closest("[data-phase]").dataset;
  menu.querySelector("h2").textContent = `Move ${row.dataset.card}`;
  for (const field of menu.querySelectorAll("[name=card]")) field.value = value;
  menu.querySelector("[name=phase]").value = phase;
  menu.querySelector("[name=priority]").value = row.dataset.priority;
  menu.querySelector("a").href = link.href;
  for (const button of menu.querySelectorAll("[data-statuses]")) button.hidden = !isFor(button, statusOf(value));
  opener = { card: row.dataset.card, link };
  menu.showPopover();
  place(link.getBoundingClientRect());
  const first = menu.querySelector("[name=priority]");
  first.focus();
  first.select();
}

// Below what opened it, and within the window.
function place(by) {
  const { width, height } = menu.getBoundingClientRect();
  const room = (at, size, most) => `${Math.max(8, Math.min(at, most - size - 8))}px`;
  menu.style.left = room(by.left, width, document.documentElement.clientWidth);
  menu.style.top = room(by.bottom + 4, height, innerHeight);
}

if (menu) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.menu-of");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    open(link);
  });
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed" || (document.activeElement !== document.body && !menu.contains(document.activeElement))) return;
    // The row may have been put there anew.
    const row = document.querySelector(`[data-card="${CSS.escape(opener.card)}"]`);
    (opener.link.isConnected ? opener.link : row?.querySelector(".menu-of"))?.focus({ preventScroll: true });
  });
}
