// Hears that something has happened, once for all windows of a browser: it has six connections to a place, and whoever
// listens holds one. So this runs as a shared worker, and in the page itself where there is none (some phones).
"use strict";

// Calls `tell` when something has happened or the line is broken, from `begin` until `end`.
function listening(tell) {
  let events = null, told = false;
  return {
    begin() {
      if (events !== null && events.readyState !== EventSource.CLOSED) { return; }
      told = false;
      events = new EventSource("/events");
      events.onmessage = () => { if (told) { tell(); } told = true; }; // the first is of when the page was loaded
      events.onerror = tell;
    },
    end() {
      events?.close();
      events = null;
    },
  };
}

if ("onconnect" in self) {
  const shown = new Set(); // the windows that are
  const line = listening(() => shown.forEach((window) => window.postMessage("")));
  self.onconnect = ({ ports: [window] }) => {
    window.onmessage = ({ data: isShown }) => {
      if (isShown) { shown.add(window); } else { shown.delete(window); }
      if (shown.size) { line.begin(); } else { line.end(); }
    };
  };
}
