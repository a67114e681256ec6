// What a run's command printed, as it is now: at the end of the page for who reads there, and in place for
// who reads elsewhere or has selected some of it.

import "./ask.js";

const root = document.documentElement;
let atEnd;

document.addEventListener("htmx:confirm", (event) => {
  const selection = getSelection();
  const isRead = !selection.isCollapsed && selection.containsNode(event.target, true);
  if (event.target.id === "output" && isRead) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", () => {
  const chosen = scrollY > 0 || location.hash === "#end"; // a short page shows its end to all
  atEnd = chosen && scrollY + innerHeight >= root.scrollHeight - 40;
});

document.addEventListener("htmx:afterSwap", ({ target }) => {
  if (target.id === "output" && atEnd) scrollTo({ top: root.scrollHeight, behavior: "instant" });
});
