// Presses buttons without leaving the page. What was done is a message with its Undo; what the server
// asks, or why it refuses, is the page it would be without a script, in a dialog.

import { trouble } from "./ask.js";
import { close, count, idOf } from "./select.js";

const form = document.getElementById("act");
const url = form?.getAttribute("action"); // not `form.action`: a button is called so
const messages = document.querySelector(".messages");
const dialog = document.querySelector("dialog.asked");

let sent; // what is on its way, or was last
let unsent = false; // something else was pressed meanwhile
let asked; // the form of the page that was sent last, and what was written there: the dialog may ask for more

// What every request says, and these.
export function press(fields) {
  const data = new FormData(form);
  for (const name of ["card", "matching"]) data.delete(name);
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  send(data);
}

// One at a time: the second of a double click is none; of anything else it is said that it was not sent.
function send(data, by = null, ofSelection = false) {
  const words = `${new URLSearchParams(data)}`;
  unsent ||= isSending() && words !== sent;
  if (isSending()) return;
  sent = words;
  if (!dialog.contains(by)) asked = by && by !== form ? { by, written: written(by) } : null;
  dialog.dispatchEvent(new CustomEvent("press", { detail: { data, ofSelection } }));
}

const isSending = () => dialog.classList.contains("htmx-request");

function show() {
  dialog.querySelector("h1").id = "asked";
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("form :is(textarea, select, input:not([type=hidden]), button)")?.focus();
}

// What was said is said, and the next thing can be; what was typed or selected meanwhile stays.
function done({ detail }) {
  dialog.close();
  const { data, ofSelection } = detail.requestConfig.triggeringEvent.detail;
  if (ofSelection) clear(data);
  if (asked && written(asked.by) === asked.written) asked.by.reset();
  asked = null;
}

// What somebody wrote or chose there: the state of the card that it is about may be a new one by now.
function written(form) {
  const fields = [...form.querySelectorAll("textarea, select, input:not([type=hidden])")];
  return JSON.stringify(fields.map(({ name, value, checked }) => [name, value, checked]));
}

function fail(why) {
  messages.replaceChildren();
  say(`Nobody knows whether that was done: ${why}. Look before you try again.`);
}

function say(text) {
  const item = document.createElement("div");
  item.className = "message error";
  item.textContent = text;
  // As `_messages.html` has it.
  const close = document.createElement("button");
  close.type = "button";
  close.className = "bare close";
  close.ariaLabel = "Dismiss";
  close.textContent = "×";
  item.append(close);
  messages.append(item);
}

function clear(data) {
  const ids = data.getAll("card").map(idOf);
  for (const box of document.querySelectorAll("[name=card]:checked")) {
    if (data.has("matching") || ids.includes(idOf(box.value))) box.checked = false;
  }
  close();
  count();
}

if (form) {
  document.addEventListener("submit", (event) => {
    const { target, submitter } = event;
    if (target.getAttribute("action") !== url || submitter?.getAttribute("formmethod")) return;
    event.preventDefault();
    send(new FormData(target, submitter), target, target === form && submitter.name === "action");
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
    // A page of ours, be it a refusal, or a word; what another answers in our place is neither.
    detail.shouldSwap = detail.serverResponse.includes('id="main"') || detail.target === messages;
    detail.isError = !detail.shouldSwap;
  });
  dialog.addEventListener("htmx:afterSwap", show);
  messages.addEventListener("htmx:afterSwap", done);
  dialog.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (!detail.successful) fail(trouble(detail));
    if (unsent) say("What you pressed meanwhile was not sent. Press it again.");
    unsent = false;
    document.dispatchEvent(new Event("acted"));
    if (document.activeElement === document.body) document.getElementById("lanes").focus({ preventScroll: true });
  });
}
