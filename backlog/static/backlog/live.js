// Keeps a page as things are: asks for it with the version that it shows, and takes over what is
// different. Focus, what is typed, what is open and the place on the page stay.

import { heard, now, tell } from "./times.js";
import { depart } from "./typed.js";
import { Idiomorph } from "./vendor/idiomorph/idiomorph.esm.js";

// Of the page at `url`: `main` becomes what its own is, `footer` says of when that is, and which
// version; without one all of it is still to come. `adapt` is given each answer's main before it is
// taken over; `gone`: that it is another page now, or none. Returns what looks at once, and what ends it.
export function follow({ url, main, footer, adapt = () => {}, gone = () => location.reload() }) {
  const trouble = footer.querySelector("[role=status]");
  const { seconds } = footer.dataset;
  let timer;
  let ended = false;

  async function look() {
    clearTimeout(timer);
    const begun = performance.now();
    try {
      const headers = { "X-Page-Version": footer.dataset.version };
      const answer = await fetch(url, { cache: "no-store", redirect: "manual", headers });
      heard(answer);
      if (ended) return;
      // The login, or that there is nothing to see any more: a page of its own.
      if (answer.type === "opaqueredirect" || [403, 404].includes(answer.status)) return depart(gone);
      if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
      if (answer.status !== 204) take(await answer.text());
      footer.querySelector("time").dateTime = new Date(now()).toISOString();
      footer.hidden = true;
    } catch (error) {
      trouble.textContent = `Not up to date: ${error.message}. Trying again.`;
      footer.hidden = false;
      tell(footer);
    }
    // A page that takes long is not asked for more often than the server can bear.
    const rest = Math.max(seconds * 1000, 5 * (performance.now() - begun));
    if (!document.hidden && !ended) timer = setTimeout(look, rest);
  }

  function take(html) {
    if (ended) return;
    const page = new DOMParser().parseFromString(html, "text/html");
    const fresh = page.getElementById("main");
    adapt(fresh);
    if (footer.dataset.version) Idiomorph.morph(main, fresh.innerHTML, { morphStyle: "innerHTML", callbacks });
    else main.replaceChildren(...fresh.childNodes);
    for (const part of page.querySelectorAll(".top [data-signature]")) {
      document.getElementById(part.id)?.replaceWith(part);
    }
    footer.dataset.version = page.getElementById("as-of").dataset.version;
    tell(main);
    document.dispatchEvent(new Event("fresh"));
  }

  const turn = () => (document.hidden ? clearTimeout(timer) : look());
  document.addEventListener("visibilitychange", turn);
  if (footer.dataset.version) timer = setTimeout(look, seconds * 1000);
  else look();
  footer.hidden = true;
  function end() {
    ended = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", turn);
  }
  return { look, end };
}

const callbacks = {
  beforeNodeMorphed: (node) => !node.classList?.contains("drawing") && !(node.matches?.("form") && isTyped(node)),
  beforeNodeRemoved: (node) => !node.matches?.(".messages") && !leaves(node),
  beforeAttributeUpdated: (name) => name !== "open",
};

// What has a place among others leaves it empty, so that they keep theirs.
function leaves(node) {
  const has = node.matches?.(".places > li") ?? false;
  if (has) {
    node.classList.add("gone");
    node.removeAttribute("id");
  }
  return has;
}

// Somebody has changed something in the form: it stays as it is, with the state that it is about.
function isTyped(form) {
  const chosen = ({ options, selectedIndex }) =>
    selectedIndex !== Math.max(0, [...options].findIndex((option) => option.defaultSelected));
  const typed = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  return fields.some(typed) || [...form.querySelectorAll("select")].some(chosen);
}

const footer = document.getElementById("as-of");
if (footer?.dataset.version) follow({ url: location.href, main: document.getElementById("main"), footer });
