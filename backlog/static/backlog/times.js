// Exact times become relative ones ("3 h"), and stay so; the exact one is the tooltip.

const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function span(seconds) {
  const [name, size] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
  return `${Math.floor(seconds / size)} ${name}`;
}

export function tell(root = document) {
  for (const time of root.querySelectorAll("time.ago, time.left, time.due")) {
    const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
    time.title = new Date(time.dateTime).toLocaleString();
    if (time.classList.contains("ago")) time.textContent = `${span(Math.max(0, -seconds))} ago`;
    else if (time.classList.contains("due")) time.textContent = seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
    else time.textContent = seconds > 0 ? `${span(seconds)} left` : `${span(-seconds)} ago`;
  }
}

tell();
setInterval(tell, 10_000);
