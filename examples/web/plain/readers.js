// Two ways to read a run's stream. Both come back by themselves when the connection is lost, tell the
// server what they saw last, and get what they missed: nothing is lost, and nothing comes twice.
//
// A reader calls `heard(name, data)` for every event, "away" among them while there is no connection.
// It gives back a function that stops reading.

import { fetchEventSource } from "@microsoft/fetch-event-source";

const NAMES = ["metadata", "messages", "custom", "values", "gap", "error", "end"];

/** What every browser has. It cannot send a header at first, so the address says where to begin. */
export function readWithEventSource(stream, heard) {
  const events = new EventSource(`${stream}?last_event_id=-1`);
  for (const name of NAMES) {
    events.addEventListener(name, ({ data }) => {
      if (name === "end") events.close();
      if (data === undefined) heard("away"); // an "error" of the connection, not of the run
      else heard(name, JSON.parse(data));
    });
  }
  return () => events.close();
}

/** A package that can send headers, an API key for example. */
export function readWithFetch(stream, heard) {
  const reading = new AbortController();
  let ended = false;
  fetchEventSource(stream, {
    headers: { "last-event-id": "-1" }, // in small letters, as the package writes it later
    signal: reading.signal,
    openWhenHidden: true,
    onmessage({ event, data }) {
      ended ||= event === "end";
      if (NAMES.includes(event)) heard(event, JSON.parse(data));
    },
    onclose() {
      if (!ended) throw new Error("closed before its end"); // by a server that restarts
    },
    onerror() {
      heard("away"); // and it tries again in a second
    },
  });
  return () => reading.abort();
}
