// Keeps a page as things are: its footer asks for it with the version that it shows, and of the answer is
// taken over what is different. Focus, what is typed, what is open and the place on the page stay.

import { GONE, trouble } from "./ask.js";
import { now, tell } from "./times.js";
import { isTyped } from "./typed.js";
import { Idiomorph } from "./vendor/idiomorph/idiomorph.esm.js";

for (const footer of document.querySelectorAll("footer[data-version]")) footer.hidden = true;

document.addEventListener("htmx:configRequest", ({ detail: { elt, headers } }) => {
  if ("version" in elt.dataset) headers["X-Page-Version"] = elt.dataset.version;
});

// What was deleted, or is there no more, is told once. As long as something is typed the page stays what it was.
document.addEventListener("htmx:beforeSwap", ({ target, detail }) => {
  const { xhr, requestConfig: { elt } } = detail;
  if (!("version" in elt.dataset) || xhr.getResponseHeader("X-Page-Version") !== GONE) return;
  elt.dataset.version = GONE;
  detail.shouldSwap = !isTyped(target);
  const answer = new DOMParser().parseFromString(xhr.responseText, "text/html");
  const stays = detail.shouldSwap ? "" : " What you typed stays here until you leave it.";
  elt.querySelector("[role=status]").textContent = `${answer.querySelector("h1").textContent}.${stays}`;
});

document.addEventListener("htmx:afterSwap", ({ detail: { xhr, requestConfig: { elt } } }) => {
  if ("version" in elt.dataset) elt.dataset.version = xhr.getResponseHeader("X-Page-Version");
});

document.addEventListener("htmx:afterRequest", ({ target: footer, detail }) => {
  if (!("version" in footer.dataset)) return;
  footer.hidden = (detail.successful ?? false) && footer.dataset.version !== GONE;
  if (detail.successful) footer.querySelector("time").dateTime = new Date(now()).toISOString();
  else footer.querySelector("[role=status]").textContent = `Not up to date: ${trouble(detail)}. Trying again.`;
  tell(footer);
});

htmx.defineExtension("morph", {
  handleSwap(style, main, { firstElementChild: fresh }) {
    return Idiomorph.morph(main, fresh.innerHTML, { morphStyle: "innerHTML", callbacks });
  },
});

const callbacks = {
  beforeNodeMorphed: (node) => !node.classList?.contains("drawing") && !(node.matches?.("form") && isChanged(node)),
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
function isChanged(form) {
  const chosen = ({ options, selectedIndex }) =>
    selectedIndex !== Math.max(0, [...options].findIndex((option) => option.defaultSelected));
  const typed = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  return fields.some(typed) || [...form.querySelectorAll("select")].some(chosen);
}
