// What every request of htmx's has in common: it tells the site's time, it may lead to the login, and what it
// brings is told the time. Who asks by itself does so while somebody looks.

import { heard, tell } from "./times.js";
import { depart } from "./typed.js";

const restsUntil = new WeakMap();

// The version of a page of what is there no more; nobody asks for it again.
export const GONE = "gone";

document.addEventListener("htmx:confirm", (event) => {
  const { elt, triggeringEvent } = event.detail; // without an event the time has come: `every`
  if (document.hidden || elt.dataset.version === GONE || (!triggeringEvent && performance.now() < restsUntil.get(elt))) event.preventDefault();
});

document.addEventListener("htmx:beforeRequest", ({ detail: { requestConfig } }) => {
  requestConfig.begun = performance.now();
  restsUntil.set(requestConfig.elt, Infinity);
});

// Who hears nothing for so long is told that. What a press does may take its time.
export const PATIENCE = Number(document.documentElement.dataset.patience) * 1000;

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb === "get") detail.timeout = PATIENCE;
});

// A page that takes long is not asked for more often than the server can bear; one that was silent, soon again.
document.addEventListener("htmx:afterRequest", ({ detail: { requestConfig: { elt, begun } } }) => {
  restsUntil.set(elt, performance.now() + Math.min(5 * (performance.now() - begun), PATIENCE));
});

// Another address than was asked for is the login; who may not see a page, or where none is any more, goes, too.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, pathInfo, requestConfig: { elt, verb } } = event.detail;
  heard({ headers: { get: (name) => xhr.getResponseHeader(name) } });
  const path = (address) => new URL(address, location.href).pathname;
  const gone = verb === "get" && (xhr.status === 403 || (xhr.status === 404 && "version" in elt.dataset));
  if (!gone && path(pathInfo.responsePath) === path(pathInfo.finalRequestPath)) return;
  event.preventDefault();
  leave(event.detail);
});

// htmx follows where it is led, but to no other site: whether that is where a login in front of this one is,
// or nobody answers, is seen by not following.
document.addEventListener("htmx:sendError", async ({ detail }) => {
  const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
  if (answer?.type === "opaqueredirect") leave(detail);
});

function leave(detail) {
  const told = new CustomEvent("gone", { cancelable: true, detail: detail.pathInfo.requestPath });
  try {
    depart(() => detail.requestConfig.elt.dispatchEvent(told) && location.reload());
  } catch (error) {
    detail.trouble = error.message;
  }
}

document.addEventListener("htmx:afterSwap", ({ target }) => tell(target));

// Why a request came to nothing.
export const trouble = ({ trouble, xhr }) =>
  trouble ?? (xhr.status ? `the server answered ${xhr.status}` : "the server is away");
