// Ctrl+K on every page: cards, phases, workers and pages, as the server finds them, and the actions of
// this page. What is chosen is a link; an action gets the focus, so that a further Enter presses it.

import { trouble } from "./ask.js";

const palette = document.getElementById("palette");
const input = palette.querySelector("input");
const found = document.getElementById("found");
const status = palette.querySelector("[role=status]");
const opener = document.getElementById("find");

const options = () => [...found.querySelectorAll("[role=option]")];
const marked = () => found.querySelector("[aria-selected=true]");

function mark(option) {
  marked()?.setAttribute("aria-selected", "false");
  input.removeAttribute("aria-activedescendant");
  if (!option) return;
  option.setAttribute("aria-selected", "true");
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

found.addEventListener("htmx:afterSwap", ({ detail }) => {
  const [actions, isNamed] = actionsHere();
  // What is typed to its last letter is meant, whatever else has it within.
  if (actions.childElementCount > 1) found[isNamed ? "prepend" : "append"](actions);
  for (const [n, option] of options().entries()) {
    option.id = `found-${n}`;
    option.setAttribute("aria-selected", "false");
  }
  status.textContent = `${options().length} found`;
  status.className = "sr"; // who sees the list sees how many
  // What was typed meanwhile is still asked for.
  if (input.value.trim() && detail.requestConfig.parameters.q === input.value) mark(options()[0]);
});

palette.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) return;
  found.replaceChildren();
  status.textContent = `Nothing was found: ${trouble(detail)}.`;
  status.className = "refusal";
});

// The buttons that can be pressed on this page by now, in the drawer if it is open, and whether one of them,
// which is the first then, is called exactly as was typed.
function actionsHere() {
  const group = document.createElement("div");
  group.innerHTML = '<span class="of" aria-hidden="true">Actions</span>';
  group.role = "group";
  group.ariaLabel = "Actions";
  const root = document.querySelector("dialog[open]:not(#palette)") ?? document.getElementById("main");
  const typed = input.value.trim().toLowerCase();
  const words = typed.split(/\s+/);
  // The bar of what is selected waits out of sight, but is there.
  const isSelected = root.querySelector(":is([name=card], [name=matching]):checked");
  let named;
  for (const button of root.querySelectorAll("button:is([name=action], [name=lanes])")) {
    const label = button.textContent.trim();
    if (!button.checkVisibility() || !words.every((word) => label.toLowerCase().includes(word))) continue;
    if (button.closest("#toolbar") && !isSelected) continue;
    const option = document.createElement("div");
    option.role = "option";
    option.textContent = label;
    option.addEventListener("click", () => {
      palette.close();
      button.focus();
    });
    group.append(option);
    if (label.toLowerCase().replace(/…$/, "") === typed) named ??= option;
  }
  if (named) group.firstElementChild.after(named);
  return [group, Boolean(named)];
}

function open() {
  if (palette.open) return palette.close();
  input.value = "";
  palette.showModal();
  input.form.dispatchEvent(new Event("look"));
}

function move(by) {
  const all = options();
  const at = all.indexOf(marked());
  mark(all[at < 0 && by < 0 ? all.length - 1 : (at + by + all.length) % all.length]);
}

const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => marked()?.click(),
};

input.addEventListener("keydown", (event) => {
  // Without a mark Enter is the form's: it searches.
  if (!KEYS[event.key] || event.isComposing || (event.key === "Enter" && !marked())) return;
  event.preventDefault();
  KEYS[event.key]();
});

// What is listed is not yet what is asked for.
input.addEventListener("input", () => mark(null));

palette.addEventListener("click", (event) => {
  if (event.target === palette || event.target.closest("a")) palette.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  open();
});

opener.addEventListener("submit", (event) => {
  event.preventDefault();
  open();
});
