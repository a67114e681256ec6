// After Back or a reload, what was typed comes back together with what the form said it shows. A browser
// by itself would put the text over the card as it is by then, and a save would overwrite what nobody saw.

const form = document.querySelector("form input[name=shown]")?.form;
const key = `typed ${location.pathname}`;

const fields = () => [
  ...form.querySelectorAll("textarea, input:not([type=submit], [type=checkbox], [name=csrfmiddlewaretoken])"),
];

function keep() {
  sessionStorage.setItem(key, JSON.stringify(fields().map((field) => [field.name, field.value])));
}

function putBack() {
  const typed = JSON.parse(sessionStorage.getItem(key) ?? "[]");
  const here = fields();
  if (typed.length !== here.length || here.some((field, n) => field.name !== typed[n][0])) return;
  for (const [n, field] of here.entries()) field.value = typed[n][1];
}

if (form) {
  form.autocomplete = "off";
  const [{ type }] = performance.getEntriesByType("navigation");
  if (type === "back_forward" || type === "reload") putBack();
  else sessionStorage.removeItem(key);
  form.addEventListener("input", keep);
}
