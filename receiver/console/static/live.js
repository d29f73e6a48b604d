// Keeps a page up to date: fetches it again when something has happened, and every half minute, and puts the parts that
// are marked `data-live` in place; where that fails, it says how old the page is. Without this script it reloads itself.
// Only a page that is shown listens, and all of a browser together (events.js).
"use strict";
(() => {
  const EVERY = 30000, AFTER_TROUBLE = 5000, PATIENCE = 10000;
  let busy = false, again = false, timer = 0;
  let asOf = performance.timeOrigin;
  const age = document.createElement("p");
  age.className = "age";
  age.setAttribute("role", "status");
  document.body.append(age);

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    clearTimeout(timer);
    const asked = Date.now();
    const trouble = await look();
    if (!trouble) { asOf = asked; }
    tell(trouble && `Not up to date since ${clock(asOf)}: ${trouble}.`);
    busy = false;
    timer = setTimeout(refresh, trouble ? AFTER_TROUBLE : EVERY);
    if (again) { again = false; refresh(); }
  }

  // What stood in the way, in words; nothing if nothing did.
  async function look() {
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign(answer.url); return ""; }
      if (!answer.ok) { return `the receiver answers with ${answer.status}`; }
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      return "";
    } catch {
      return "the receiver does not answer";
    }
  }

  function tell(words) {
    if (age.textContent !== words) { age.textContent = words; } // said once, not with every look
  }

  function clock(at) {
    return `${new Date(at).toISOString().slice(11, 19)} UTC`;
  }

  function put(fresh) {
    for (const part of document.querySelectorAll("[data-live][id]")) {
      const now = fresh.getElementById(part.id);
      if (now === null || now.innerHTML === part.innerHTML || isTyped(part)) { continue; }
      const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
      part.style.minHeight = `${part.offsetHeight}px`; // what gets smaller moves nothing that somebody is about to press
      part.replaceChildren(...now.childNodes);
      if (focused) { document.getElementById(focused)?.focus(); }
    }
    document.title = fresh.title;
  }

  function isTyped(part) {
    return [...part.querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue);
  }

  function shared() {
    const { port } = new SharedWorker(document.querySelector("script[src*='/events.js']").src);
    port.onmessage = refresh;
    return { begin: () => port.postMessage(true), end: () => port.postMessage(false) };
  }

  const line = "SharedWorker" in window ? shared() : listening(refresh);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { line.end(); } else { line.begin(); refresh(); }
  });
  timer = setTimeout(refresh, EVERY);
  if (!document.hidden) { line.begin(); }
})();
