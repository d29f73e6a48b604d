// Keeps a page up to date: fetches it again when something has happened, and every half minute, and puts the parts that
// are marked `data-live` in place. Without this script the page reloads itself.
"use strict";
(() => {
  const EVERY = 30000;
  let busy = false, again = false, timer = 0;

  async function refresh() {
    if (busy) { again = true; return; }
    busy = true;
    clearTimeout(timer);
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign(answer.url); return; }
      if (answer.ok) { put(new DOMParser().parseFromString(await answer.text(), "text/html")); }
    } catch {
      // it is not there right now: the next look will tell
    } finally {
      busy = false;
      timer = setTimeout(refresh, EVERY);
      if (again) { again = false; refresh(); }
    }
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

  timer = setTimeout(refresh, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { refresh(); } });
  const events = new EventSource("/events");
  let first = true;
  events.onmessage = () => { if (!first && !document.hidden) { refresh(); } first = false; };
})();
