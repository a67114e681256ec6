// Selects all cards of the page at once.

import "./times.js";
import "./menu.js";
import { count } from "./select.js";

const all = document.getElementById("all");
all.hidden = !document.getElementById("act");
all.addEventListener("change", () => {
  for (const input of document.querySelectorAll("tbody [name=card]")) input.checked = all.checked;
  count();
});
