// Selects all cards of the page at once, and walks them by keys.

import "./drawer.js";
import "./times.js";
import { cards, listen, search, select, step } from "./keys.js";
import "./menu.js";
import { count } from "./select.js";

const all = document.getElementById("all");
all.hidden = !document.getElementById("act");
all.addEventListener("change", () => {
  for (const input of document.querySelectorAll("tbody [name=card]")) input.checked = all.checked;
  count();
});

const rows = () => cards(document.getElementById("cards"));

listen({
  j: () => step(rows(), 1),
  k: () => step(rows(), -1),
  x: select,
  r: () => location.reload(),
  "/": search,
});
