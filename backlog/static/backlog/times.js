// Exact times become relative ones ("3 h"), and stay so; the exact one is the tooltip. They are
// relative to the site's clock, as the page told it: a browser's may be an hour off.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// What the site's clock said when this page's own, which nobody sets, and the browser's said so.
let told;
let then;
let wall;

function set(moment) {
  [told, then, wall] = [moment, performance.now(), Date.now()];
}

export const now = () => told + performance.now() - then;

// A page's own clock may stand still while the machine sleeps, or while the page is kept for the
// way back; then the two differ, as they do when somebody sets the browser's. The site knows.
const astray = () => Math.abs(Date.now() - wall - (performance.now() - then)) > 2000;

// Whatever the site answers says what time it is there, to the second, and how old is what it read.
export function heard(answer) {
  const moment = Date.parse(answer.headers.get("Date"));
  if (astray() || Math.abs(moment - now()) > 2000) {
    set(moment || now());
    tell();
  }
  const behind = document.getElementById("behind");
  const old = Number(answer.headers.get("Backlog-Seconds-Old"));
  behind.querySelector("span").textContent = old;
  behind.hidden = !old;
}

async function ask() {
  try {
    const icon = document.querySelector("link[rel=icon]").href;
    heard(await fetch(icon, { method: "HEAD", cache: "no-store" }));
  } catch {
    // It is away: the next round asks again.
  }
}

function span(seconds) {
  const [name, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
  return `${Math.floor(seconds / size)} ${name}`;
}

export function tell(root = document) {
  for (const time of root.querySelectorAll("time.ago, time.left, time.due, time.for")) {
    const seconds = (Date.parse(time.dateTime) - now()) / 1000;
    time.title = new Date(time.dateTime).toLocaleString();
    if (time.classList.contains("ago")) time.textContent = `${span(Math.max(0, -seconds))} ago`;
    else if (time.classList.contains("for")) time.textContent = span(Math.max(0, -seconds));
    else if (time.classList.contains("due")) time.textContent = seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
    else time.textContent = seconds > 0 ? `${span(seconds)} left` : `${span(-seconds)} ago`;
  }
  for (const part of root.querySelectorAll("[data-late-from]")) {
    part.classList.toggle("late", now() >= Date.parse(part.dataset.lateFrom));
  }
  for (const bar of root.querySelectorAll("progress.lease")) {
    bar.value = Math.max(0, (Date.parse(bar.dataset.until) - now()) / 1000);
  }
}

function look() {
  tell();
  if (astray()) ask();
}

set(Number(document.documentElement.dataset.now));
tell();
// A page from the browser's store was made at another time.
if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") ask();
setInterval(look, 10_000);
addEventListener("pageshow", (event) => event.persisted && ask());
document.addEventListener("visibilitychange", () => document.hidden || look());
