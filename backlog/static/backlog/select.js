// Selected cards, and the way by keyboard from them to the toolbar and back.

const toolbar = document.getElementById("toolbar");
let from;

export function count() {
  if (!toolbar) return;
  const selected = document.querySelectorAll("[name=card]:checked").length;
  document.getElementById("selected").textContent = `${selected} selected:`;
}

// Whether a key is none of a command's, and nobody is writing.
export function single(event) {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  return !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
}

document.addEventListener("change", count);
document.addEventListener("keydown", (event) => {
  if (!toolbar || !single(event) || document.querySelector("dialog[open]")) return;
  const inside = toolbar.contains(document.activeElement);
  if (event.key === "a" && !inside) {
    event.preventDefault();
    from = document.activeElement;
    toolbar.querySelector("button").focus();
  } else if (event.key === "Escape" && inside) {
    from?.focus();
  }
});
count();
