// Presses buttons without leaving the page. What was done is a message with its Undo; what the server
// asks, or why it refuses, is the page it would be without a script, in a dialog.

import { close, count } from "./select.js";
import { tell } from "./times.js";

const form = document.getElementById("act");
const url = form?.getAttribute("action"); // not `form.action`: a button is called so
const messages = document.querySelector(".messages");
let dialog;
let sending = false;

// What every request says, and these.
export function press(fields) {
  const data = new FormData(form);
  for (const name of ["card", "matching"]) data.delete(name);
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return send(data);
}

async function send(data) {
  if (sending) return false;
  sending = true;
  try {
    const answer = await fetch(url, {
      method: "POST",
      body: new URLSearchParams(data),
      headers: { "X-Toast": "1" },
      redirect: "manual",
    });
    // The login, or a word that the page itself shows.
    if (answer.type === "opaqueredirect") return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.getElementById("main");
    document.getElementById("menu")?.hidePopover();
    if (main) show(main);
    else done(page);
    return !main;
  } catch (error) {
    const item = document.createElement("div");
    item.className = "message error";
    item.textContent = `Nobody knows whether that was done: ${error.message}. Look before you try again.`;
    messages.replaceChildren(item);
  } finally {
    sending = false;
    document.dispatchEvent(new Event("acted"));
  }
  return false;
}

function done(page) {
  dialog?.close();
  messages.replaceChildren(...page.querySelector(".messages").children);
}

function show(main) {
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "asked";
    dialog.addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (link?.href !== location.href.split("#")[0]) return;
      event.preventDefault();
      dialog.close();
    });
    document.body.append(dialog);
  }
  dialog.replaceChildren(...main.childNodes);
  const heading = dialog.querySelector("h1");
  heading.id = "asked";
  dialog.setAttribute("aria-labelledby", "asked");
  tell(dialog);
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("form :is(textarea, select, input:not([type=hidden]), button)")?.focus();
}

function clear() {
  for (const box of document.querySelectorAll("[name=card]:checked")) box.checked = false;
  close();
  count();
}

if (form) {
  document.addEventListener("submit", async (event) => {
    const { target, submitter } = event;
    if (target.getAttribute("action") !== url || submitter?.getAttribute("formmethod")) return;
    event.preventDefault();
    const ofSelection = target === form && submitter.name === "action";
    const data = new FormData(target, submitter);
    target.closest("details.answering")?.removeAttribute("open");
    const wasDone = await send(data);
    if (wasDone && ofSelection) clear();
    if (document.activeElement === document.body) document.getElementById("lanes").focus({ preventScroll: true });
  });
}
