// After an action the page is where it was: what was being read stands there again. In between may be
// pages that ask; who goes anywhere else begins at the top.

const KEY = "place";
const here = location.pathname + location.search;
const stored = () => JSON.parse(sessionStorage.getItem(KEY));
const find = (mark) => document.getElementById(mark) ?? document.querySelector(`[data-card="${CSS.escape(mark)}"]`);

function keep(event) {
  // Not `form.action`: a field may be called so.
  const form = event.target;
  if (event.defaultPrevented) return; // the page stays
  if (form.getAttribute("method") !== "post" || stored()?.via === location.pathname) return;
  const marks = document.querySelectorAll("main [id], main tr[data-card]");
  const above = (each) => each.checkVisibility() && !each.closest(".totals, .toolbar") && each.getBoundingClientRect().top < innerHeight / 2;
  const near = [...marks].findLast(above);
  const via = new URL(form.getAttribute("action") ?? "", location.href).pathname;
  const mark = near?.id || near?.dataset.card;
  const at = near?.getBoundingClientRect().top;
  sessionStorage.setItem(KEY, JSON.stringify({ here, via, mark, at, top: scrollY }));
}

function putBack({ mark, at, top }) {
  const near = find(mark);
  if (!top) return;
  if (near) scrollBy({ top: near.getBoundingClientRect().top - at, behavior: "instant" });
  else scrollTo({ top, behavior: "instant" });
}

addEventListener("submit", keep);
const kept = stored();
if (kept && kept.via !== location.pathname) {
  sessionStorage.removeItem(KEY);
  if (kept.here === here) {
    putBack(kept);
    // What was not in the window had no height of its own yet.
    requestAnimationFrame(() => putBack(kept));
  }
}

// A message stays in sight until somebody has read it.
document.querySelector(".messages").addEventListener("click", (event) => {
  event.target.closest(".close")?.closest(".message").remove();
});

// Where the pages are one row that scrolls, the open one is in sight.
const open = document.querySelector(".top nav [aria-current]");
if (open) open.parentElement.scrollLeft = open.offsetLeft - open.parentElement.offsetLeft - 48;
