// After an action the page is where it was: what stood first in the window stands there again. In
// between may be pages that ask; who goes anywhere else begins at the top.

const KEY = "place";
const here = location.pathname + location.search;
const read = () => JSON.parse(sessionStorage.getItem(KEY));
const find = (mark) => document.getElementById(mark) ?? document.querySelector(`[data-card="${CSS.escape(mark)}"]`);

function keep(event) {
  // Not `form.action`: a field may be called so.
  const form = event.target;
  if (form.getAttribute("method") !== "post" || read()?.via === location.pathname) return;
  const marks = document.querySelectorAll("main [id], main tr[data-card]");
  const first = [...marks].find((each) => each.checkVisibility() && each.getBoundingClientRect().top >= 0);
  const via = new URL(form.getAttribute("action") ?? "", location.href).pathname;
  const mark = first?.id || first?.dataset.card;
  const at = first?.getBoundingClientRect().top;
  sessionStorage.setItem(KEY, JSON.stringify({ here, via, mark, at, top: scrollY }));
}

function putBack({ mark, at, top }) {
  const first = find(mark);
  if (!top) return;
  if (first) scrollBy({ top: first.getBoundingClientRect().top - at, behavior: "instant" });
  else scrollTo({ top, behavior: "instant" });
}

addEventListener("submit", keep);
const kept = read();
if (kept && kept.via !== location.pathname) {
  sessionStorage.removeItem(KEY);
  if (kept.here === here) {
    putBack(kept);
    // What was not in the window had no height of its own yet.
    requestAnimationFrame(() => putBack(kept));
  }
}

// They stay in sight for a while, then where they stand.
const messages = document.querySelector(".messages");
if (messages) setTimeout(() => messages.classList.add("read"), 10_000);
