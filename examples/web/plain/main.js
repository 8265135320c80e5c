// Starts a run and shows it. The run's path is kept in the address, so a reload shows the run again:
// the server replays it from its start, and goes on live.

import { readWithEventSource, readWithFetch } from "./readers.js";

const api = new URLSearchParams(location.search).get("api") ?? "http://localhost:2024";
const readers = { EventSource: readWithEventSource, fetch: readWithFetch };
const { ask, topic, run, bar, label, text, status, stop } = Object.fromEntries(
  [...document.querySelectorAll("[id]")].map((element) => [element.id, element]),
);
let leave = () => {};

ask.addEventListener("submit", async (event) => {
  event.preventDefault();
  const path = await start(topic.value);
  history.replaceState(null, "", `#${path}`);
  show(path);
});

stop.addEventListener("click", () => post(`${location.hash.slice(1)}/cancel`));

if (location.hash) show(location.hash.slice(1));

/** Create a run on a new thread. Gives its path, by which everybody can join. */
async function start(topic) {
  const thread = await (await post("/threads", {})).json();
  const created = await post(`/threads/${thread.thread_id}/runs`, {
    assistant_id: "essay",
    input: { messages: [{ role: "human", content: topic }], delay: 0.15 },
    stream_mode: ["messages-tuple", "custom"],
    stream_resumable: true,
  });
  return created.headers.get("Content-Location");
}

/** Read the run from its start to its end, and draw what is heard. */
function show(path) {
  leave();
  run.hidden = false;
  text.textContent = "";
  tell("running", null, "");
  const read = readers[new FormData(ask).get("reader")];
  leave = read(`${api}${path}/stream`, (name, data) => {
    if (name !== "away") tell("running");
    draw[name](data);
  });
}

const draw = {
  metadata: () => (text.textContent = ""), // the run begins, or begins again after a worker died
  messages: ([chunk]) => (text.textContent += chunk.content),
  custom: ({ type, fraction, label }) => type === "progress" && tell("running", fraction, label),
  gap: () => (text.textContent = ""), // some events are gone for good; the state comes instead
  values: ({ messages }) => (text.textContent = messages.at(-1).content),
  error: ({ error, message }) => (text.textContent += `\n${error}: ${message}`),
  end: ({ status }) => tell(status, status === "success" ? 1 : undefined, ""),
  away: () => tell("away"),
};

/** Say how the run is doing. A fraction of null is a bar that only says: still at it. */
function tell(is, fraction, line) {
  status.dataset.status = is;
  status.textContent = is === "away" ? "connection lost, coming back" : is;
  stop.hidden = is !== "running";
  if (line !== undefined) label.textContent = line;
  if (fraction === null) bar.removeAttribute("value");
  else if (fraction !== undefined) bar.value = fraction;
}

async function post(path, body) {
  const answer = await fetch(api + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}
