// Presses buttons without leaving the page. What was done is a message with its Undo; what the server
// asks, or why it refuses, is the page it would be without a script, in a dialog.

import { trouble } from "./ask.js";
import { close, count } from "./select.js";

const form = document.getElementById("act");
const url = form?.getAttribute("action"); // not `form.action`: a button is called so
const messages = document.querySelector(".messages");
const dialog = document.querySelector("dialog.asked");

// What every request says, and these.
export function press(fields) {
  const data = new FormData(form);
  for (const name of ["card", "matching"]) data.delete(name);
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  send(data);
}

function send(data, ofSelection = false) {
  dialog.dispatchEvent(new CustomEvent("press", { detail: { data, ofSelection } }));
}

function show() {
  dialog.querySelector("h1").id = "asked";
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("form :is(textarea, select, input:not([type=hidden]), button)")?.focus();
}

function done({ detail }) {
  dialog.close();
  if (detail.requestConfig.triggeringEvent.detail.ofSelection) clear();
}

function fail(why) {
  const item = document.createElement("div");
  item.className = "message error";
  item.textContent = `Nobody knows whether that was done: ${why}. Look before you try again.`;
  messages.replaceChildren(item);
}

function clear() {
  for (const box of document.querySelectorAll("[name=card]:checked")) box.checked = false;
  close();
  count();
}

if (form) {
  document.addEventListener("submit", (event) => {
    const { target, submitter } = event;
    if (target.getAttribute("action") !== url || submitter?.getAttribute("formmethod")) return;
    event.preventDefault();
    send(new FormData(target, submitter), target === form && submitter.name === "action");
    target.closest("details.answering")?.removeAttribute("open");
  });
  dialog.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link?.href !== location.href.split("#")[0]) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("htmx:configRequest", ({ detail }) => (detail.parameters = detail.triggeringEvent.detail.data));
  dialog.addEventListener("htmx:beforeSwap", ({ detail }) => {
    document.getElementById("menu")?.hidePopover();
    detail.shouldSwap ||= detail.serverResponse.includes('id="main"'); // a refusal, too
    detail.isError = !detail.shouldSwap;
  });
  dialog.addEventListener("htmx:afterSwap", show);
  messages.addEventListener("htmx:afterSwap", done);
  dialog.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) fail(trouble(detail));
    document.dispatchEvent(new Event("acted"));
    if (document.activeElement === document.body) document.getElementById("lanes").focus({ preventScroll: true });
  });
}
