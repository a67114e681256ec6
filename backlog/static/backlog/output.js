// What a run's command printed, as it is now: at the end of the page for who reads there, and in place for
// who reads elsewhere or has selected some of it.

import { trouble } from "./ask.js";
import { now, tell } from "./times.js";

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

// On a page of its own nothing else says how old it is.
const asOf = document.querySelector("#main > #output") && document.getElementById("as-of");

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!asOf || detail.requestConfig.elt.id !== "output") return;
  const why = detail.successful ? "" : `Not up to date: ${trouble(detail)}. Trying again.`;
  asOf.querySelector("[role=status]").textContent = why;
  if (detail.successful) asOf.querySelector("time").dateTime = new Date(now()).toISOString();
  tell(asOf);
});
