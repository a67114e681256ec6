// Keeps what a run's command printed as it is now, at the end of the page for who reads there, and
// in place for who reads elsewhere or has selected some of it.

import { tell } from "./times.js";
import { depart } from "./typed.js";

let timer;

async function fresh(here) {
  const query = new URLSearchParams({ v: here.dataset.version });
  const answer = await fetch(`${here.dataset.live}&${query}`, { cache: "no-store", redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 403) depart();
  if (answer.status !== 200) return null;
  const template = document.createElement("template");
  template.innerHTML = (await answer.json()).html;
  return template.content.firstElementChild;
}

function isRead(here) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(here, true);
}

async function look() {
  clearTimeout(timer);
  timer = undefined;
  const here = document.getElementById("output");
  if (!here?.dataset.live || document.hidden) return;
  try {
    const now = isRead(here) ? null : await fresh(here);
    if (now) {
      const root = document.documentElement;
      const chosen = scrollY > 0 || location.hash === "#end"; // a short page shows its end to all
      const atEnd = chosen && scrollY + innerHeight >= root.scrollHeight - 40;
      tell(now);
      here.replaceWith(now);
      if (atEnd) scrollTo({ top: root.scrollHeight, behavior: "instant" });
    }
  } catch {
    // It is away: the next round asks again.
  }
  timer = setTimeout(look, Number(here.dataset.seconds) * 1000);
}

// What it stands in may come later, in a page that was open.
function begin() {
  timer ??= setTimeout(look, Number(document.getElementById("output")?.dataset.seconds ?? 2) * 1000);
}

document.addEventListener("visibilitychange", look);
document.addEventListener("fresh", begin);
begin();
