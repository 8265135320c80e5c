// What the official JavaScript client is made to do. Each scene yields what the test looks at.

/** Create a run and stream it, on `threadId` or on a new thread. */
export async function* stream(client, { threadId, assistant, payload }) {
  threadId ??= (await client.threads.create()).thread_id;
  const onRunCreated = (run) => (created = run);
  let created;
  for await (const part of client.runs.stream(threadId, assistant, { ...payload, onRunCreated })) {
    yield { ...part, created };
  }
}

/** Stream a run that leaves no thread behind. */
export async function* streamStateless(client, { assistant, payload }) {
  yield* client.runs.stream(null, assistant, payload);
}

/** Join a run. */
export async function* join(client, { threadId, runId, options }) {
  yield* client.runs.joinStream(threadId, runId, options);
}

/** The values that a run ends with, or what is raised instead. */
export async function* wait(client, { threadId, assistant, payload }) {
  yield await client.runs
    .wait(threadId, assistant, payload)
    .catch((error) => ({ raised: error.message }));
}

/** Cancel a run, and return once it is over. */
export async function* cancel(client, { threadId, runId }) {
  yield await client.runs.cancel(threadId, runId, true, "interrupt");
  yield await client.runs.get(threadId, runId);
}

/** Where a thread stands, and how it came there. */
export async function* look(client, { threadId }) {
  yield await client.threads.getState(threadId);
  yield await client.threads.getHistory(threadId, { limit: 100 });
}

/** Go back to where `node` was about to run, and go on from there with other values. */
export async function* branch(client, { threadId, assistant, node, values }) {
  const history = await client.threads.getHistory(threadId);
  const { checkpoint } = history.find((state) => state.next.includes(node));
  const forked = await client.threads.updateState(threadId, { values, checkpoint });
  yield await client.runs.wait(threadId, assistant, { input: null, checkpoint: forked.checkpoint });
  yield await client.threads.getHistory(threadId, { limit: 100 });
}

/** What is refused, as users of the client get to know it. */
export async function* refusals(client, { threadId, runId }) {
  for (const ask of [
    () => client.threads.get(threadId),
    () => client.runs.get(threadId, runId),
    () => client.runs.create(null, "no such graph", { input: {} }),
    () => client.threads.get("no uuid"),
  ]) {
    yield await ask().catch(({ status, message }) => ({ status, message }));
  }
}

/** One of each thing that answers without a body, or with a bare value. */
export async function* housekeeping(client, { runId, threadId }) {
  const assistant = await client.assistants.create({ graphId: "echo", name: "echoing" });
  const found = await client.assistants.search({ graphId: "echo", name: "echoing" });
  yield found.map((each) => each.assistant_id === assistant.assistant_id);
  yield await client.assistants.delete(assistant.assistant_id);

  const place = ["notes", threadId];
  yield await client.store.putItem(place, "one", { text: "kept" });
  yield (await client.store.getItem(place, "one")).value;
  yield (await client.store.searchItems(place)).items.map((item) => item.key);
  yield await client.store.deleteItem(place, "one");
  yield await client.store.getItem(place, "one");

  yield (await client.runs.list(threadId, { select: ["run_id"] })).map((run) => run.run_id);
  yield await client.threads.count({ metadata: { nobody: threadId } });
  yield await client.runs.delete(threadId, runId);
  yield await client.threads.delete(threadId);
}

// --- threads.stream: events and commands of a whole thread ---

/** Start a run by command, hear the tokens of its messages, and see what kinds there are at last. */
export async function* speak(client, { assistant, input }) {
  const thread = client.threads.stream({ assistantId: assistant });
  yield await thread.run.start({ input });
  for await (const message of thread.messages) yield* message.text;
  yield (await thread.output).messages.map((message) => message.type);
  await thread.close();
}

/** Start a run, answer what it asks, and come back later for what became of it. */
export async function* answer(client, { assistant, input, response, more }) {
  const thread = client.threads.stream({ assistantId: assistant });
  await thread.run.start({ input });
  await thread.output;
  const [{ interruptId, payload, namespace }] = thread.interrupts;
  yield { interrupted: thread.interrupted, payload };
  const values = await thread.subscribe("values");
  await thread.input.respond({ interrupt_id: interruptId, namespace, response, ...more });
  for await (const event of values) yield event.params.data;
  await thread.close();

  const later = client.threads.stream(thread.threadId, { assistantId: assistant });
  yield await later.output;
  await later.close();
}

/** Start a run, and hear some channels until it is over. */
export async function* hear(client, { assistant, input, channels }) {
  const thread = client.threads.stream({ assistantId: assistant });
  const events = await thread.subscribe(channels);
  yield { threadId: thread.threadId, ...(await thread.run.start({ input })) };
  yield* events;
  await thread.close();
}

/** Follow whatever happens on a thread. */
export async function* joinThread(client, { threadId, options }) {
  yield* client.threads.joinStream(threadId, options);
}
