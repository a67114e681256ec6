// Selected cards: what the toolbar offers for them, and the way by keyboard there and back.

const toolbar = document.getElementById("toolbar");
const presses = toolbar ? [...toolbar.querySelectorAll(".press")] : [];
const fewer = document.getElementById("fewer");
let from;

// What the value of a box says, as the server wrote it: status, time, id.
export const statusOf = (seen) => seen.split(" ", 1)[0];
export const idOf = (seen) => seen.split(" ").slice(2).join(" ");

export const isFor = (element, status) => element.dataset.statuses.split(" ").includes(status);

// A ready card that waits is not said to be ready.
const shownState = (box) => (box.closest(".waiting, tr:has(.state.waiting)") ? "waiting" : statusOf(box.value));

export function count() {
  if (!toolbar) return;
  const boxes = [...document.querySelectorAll("[name=card]:checked")];
  const seen = boxes.map((box) => box.value);
  const shown = boxes.map(shownState);
  const states = [...new Set(seen.map(statusOf))];
  const number = (state) => shown.filter((each) => each === state).length;
  const matching = toolbar.querySelector("[name=matching]")?.checked;
  const words = [...new Set(shown)].map((state) => `${number(state)} ${state}`).join(", ");
  const selected = document.getElementById("selected");
  selected.textContent = matching ? "All that match:" : `${seen.length} selected${words && ": "}${words}`;
  selected.title = seen.map((each, n) => `${idOf(each)} ${shown[n]}`).join("\n");
  for (const press of presses) press.hidden = !matching && !states.every((state) => isFor(press, state));
  if (presses.some((press) => press.hidden && press.classList.contains("open"))) close();
}

// Fields -------------------------------------------------------------------------------------------

// What an action needs to know is asked in its place, in that of the other actions.
function ask(press) {
  close();
  const fields = press.querySelector("fieldset");
  for (const field of fields.elements) field.setAttribute("form", "act");
  fields.hidden = fields.disabled = false;
  press.classList.add("open");
  toolbar.classList.add("asking");
  fewer.hidden = false;
  press.querySelector("button").textContent = press.querySelector("button").textContent.replace("…", "");
  fields.elements[0].focus();
}

export function close() {
  const open = toolbar?.querySelector(".press.open");
  if (!open) return;
  const fields = open.querySelector("fieldset");
  fields.hidden = fields.disabled = true;
  open.classList.remove("open");
  toolbar.classList.remove("asking");
  fewer.hidden = true;
  open.querySelector("button").append("…");
  open.querySelector("button").focus();
}

toolbar?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button === fewer) return close();
  const press = button?.closest(".press:not(.open)");
  if (!press?.querySelector("fieldset")) return;
  event.preventDefault();
  ask(press);
});

// Enter in a field would press the first button of the form.
toolbar?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("input:not([type=checkbox]), select")) return;
  event.preventDefault();
  event.target.closest(".press").querySelector("button").click();
});

// Keys ---------------------------------------------------------------------------------------------

// Whether a key is none of a command's, and nobody is writing.
export function single(event) {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  return !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
}

document.addEventListener("change", count);
document.addEventListener("keydown", (event) => {
  if (!toolbar || document.querySelector("dialog[open], :popover-open")) return;
  const inside = toolbar.contains(document.activeElement);
  if (event.key === "Escape" && inside) {
    if (toolbar.querySelector(".open")) close();
    else from?.focus();
  } else if (event.key === "a" && !inside && single(event)) {
    event.preventDefault();
    from = document.activeElement;
    toolbar.querySelector(".press:not([hidden]) > button").focus();
  }
});
count();
