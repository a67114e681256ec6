// Keeps a page as things are: asks for it with the version that it shows, and takes over what is
// different. Focus, what is typed, what is open and the place on the page stay.

import { heard, now, tell } from "./times.js";
import { Idiomorph } from "./vendor/idiomorph/idiomorph.esm.js";

const main = document.getElementById("main");
const footer = document.getElementById("as-of");
const trouble = footer.querySelector("[role=status]");
const { seconds } = footer.dataset;
let timer;

async function look() {
  clearTimeout(timer);
  const begun = performance.now();
  try {
    const headers = { "X-Page-Version": footer.dataset.version };
    const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", headers });
    heard(answer);
    // The login, or that there is nothing to see any more: a page of its own.
    if (answer.type === "opaqueredirect" || [403, 404].includes(answer.status)) return location.reload();
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
  if (!document.hidden) timer = setTimeout(look, rest);
}

function take(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  Idiomorph.morph(main, page.getElementById("main").innerHTML, { morphStyle: "innerHTML", callbacks });
  footer.dataset.version = page.getElementById("as-of").dataset.version;
  tell(main);
  document.dispatchEvent(new Event("fresh"));
}

const callbacks = {
  beforeNodeMorphed: (node) => node.id !== "drawing" && !(node.matches?.("form") && isTyped(node)),
  beforeNodeRemoved: (node) => !node.matches?.(".messages"),
  beforeAttributeUpdated: (name) => name !== "open",
};

// Somebody has changed something in the form: it stays as it is, with the state that it is about.
function isTyped(form) {
  const chosen = ({ options, selectedIndex }) =>
    selectedIndex !== Math.max(0, [...options].findIndex((option) => option.defaultSelected));
  const typed = (field) => field.value !== field.defaultValue || field.checked !== field.defaultChecked;
  const fields = [...form.querySelectorAll("input:not([type=hidden]), textarea")];
  return fields.some(typed) || [...form.querySelectorAll("select")].some(chosen);
}

if (footer.dataset.version) {
  footer.hidden = true;
  timer = setTimeout(look, seconds * 1000);
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
}
