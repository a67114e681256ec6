// Opens a card beside the page that names it, and keeps it as it is now. The address says which:
// what follows the # is the address of the card's own page, whose content is shown.

import { cards, everywhere, listen, onCard } from "./keys.js";
import { GONE } from "./ask.js";
import "./live.js";
import { isTyped } from "./typed.js";

const drawer = document.getElementById("drawer");
const content = drawer.querySelector(".content");
const footer = drawer.querySelector("footer");
const own = drawer.querySelector(".own");
const above = drawer.dataset.card.slice(0, -2); // without its -/
const messages = document.querySelector(".messages");
let shown = null;
let deleted; // the card that was deleted here, of which nobody needs to be told

const without = () => location.pathname + location.search;

// The path of a card's page, and of nothing else.
function path(address) {
  if (!URL.canParse(address, location.href)) return null;
  const { origin, pathname } = new URL(address, location.href);
  const id = pathname.startsWith(above) ? pathname.slice(above.length) : "";
  return origin === location.origin && /^[^/]+\/$/.test(id) ? pathname : null;
}

function open(card) {
  shown = card;
  own.href = card;
  footer.dataset.version = "";
  footer.hidden = true;
  content.replaceChildren();
  drawer.setAttribute("aria-label", named(card)?.textContent.trim() ?? "Card");
  if (!drawer.open) {
    content.before(messages); // beside a dialog nothing is read or pressed
    drawer.showModal();
  }
  content.focus();
  content.scrollTop = 0;
  footer.dispatchEvent(new Event("look"));
  import("./graph.js");
  import("./output.js");
}

footer.addEventListener("htmx:configRequest", (event) => {
  event.detail.path = shown;
  if (!shown) event.preventDefault();
});

// The card of before may still come.
content.addEventListener("htmx:beforeSwap", (event) => {
  const { detail } = event;
  if (detail.requestConfig.elt !== footer) return;
  const isOver = detail.xhr.getResponseHeader("X-Page-Version") === GONE && shown === deleted && !isTyped(content);
  if (detail.pathInfo.requestPath === shown && !isOver) return;
  detail.shouldSwap = false;
  event.stopPropagation();
  if (isOver) drawer.close();
});

document.querySelector("dialog.asked")?.addEventListener("press", ({ detail: { data } }) => {
  if (data.get("action") === "delete") deleted = shown;
});

// What is done to the card in the drawer leads back to where the drawer is.
content.addEventListener("htmx:afterSwap", () => {
  drawer.setAttribute("aria-label", content.querySelector("h1").textContent);
  for (const next of content.querySelectorAll("[name=next]")) next.value = without();
  const page = new URL(shown, location.href);
  for (const link of content.querySelectorAll("a[href^='?'], a[href^='#']")) {
    link.href = new URL(link.getAttribute("href"), page);
  }
});

footer.addEventListener("gone", (event) => {
  event.preventDefault();
  if (event.detail !== shown) return;
  if (footer.dataset.version) drawer.close();
  else location.assign(shown);
});

function sync() {
  const card = location.hash ? path(location.hash.slice(1)) : null;
  if (!card) drawer.close();
  else if (card !== shown) open(card);
}

// In the drawer one card takes the place of the other: back leads to the page.
function go(card) {
  if (drawer.open) history.replaceState(history.state, "", `#${card}`);
  else history.pushState({ drawer: true }, "", `#${card}`);
  sync();
}

const links = () => cards(document.getElementById("main")).map((row) => row.querySelector("a"));

// Where the page names the card: in its row, else wherever it is seen.
function named(card) {
  const all = [...links(), ...document.querySelectorAll("main a")];
  return all.find((link) => path(link.href) === card && link.checkVisibility());
}

drawer.addEventListener("close", () => {
  document.getElementById("main").before(messages);
  const card = shown;
  shown = null;
  content.replaceChildren();
  // The browser gives the focus back; but the link may be a new one by now, or the card another.
  if (path(document.activeElement.href ?? "") !== card) named(card)?.focus();
  if (!location.hash) return;
  if (history.state?.drawer) history.back();
  else history.replaceState(null, "", without());
});

drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const modified = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
  if (!link || link === own || modified || event.button || event.defaultPrevented) return;
  // A drawing's link has an object where others have the address.
  const { hash, search } = new URL(link.getAttribute("href"), location.href);
  const card = path(link.getAttribute("href"));
  if (!card || hash || search) return;
  event.preventDefault();
  go(card);
});

function step(by) {
  const paths = links().map((link) => path(link.href));
  const next = paths[paths.indexOf(shown) + by];
  if (paths.includes(shown) && next) go(next);
}

listen({ ...everywhere, ...onCard(content), j: () => step(1), k: () => step(-1) }, drawer);
addEventListener("popstate", sync);
document.addEventListener("DOMContentLoaded", sync); // by then htmx listens
