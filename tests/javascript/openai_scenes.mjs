// What the official OpenAI client is made to do. Each scene yields what the test looks at.

/** The ids of all models. */
export async function* models(client) {
  for await (const model of client.models.list()) yield model.id;
}

/** A completion, or its chunks when it streams. */
export async function* chat(client, body) {
  const answer = await client.chat.completions.create(body);
  if (body.stream) yield* answer;
  else yield answer;
}

/** The same completion asked for twice, with one key. */
export async function* twice(client, { key, ...body }) {
  const once = { headers: { "Idempotency-Key": key } };
  yield await client.chat.completions.create(body, once);
  yield await client.chat.completions.create(body, once);
}

/** A completion, put together by the client from its chunks. */
export async function* gathered(client, body) {
  yield await client.chat.completions.stream(body).finalChatCompletion();
}

/** A response, or its events when it streams. */
export async function* respond(client, body) {
  const answer = await client.responses.create(body);
  if (body.stream) yield* answer;
  else yield answer;
}

/** The events of a response behind `after`. */
export async function* resume(client, { id, after }) {
  yield* await client.responses.retrieve(id, { stream: true, starting_after: after });
}

/** Begin a response, leave it alone, cancel it. */
export async function* cancelled(client, body) {
  const begun = await client.responses.create({ ...body, background: true });
  yield begun;
  yield await client.responses.cancel(begun.id);
  yield await client.responses.retrieve(begun.id);
}

/** What is raised for requests that are refused. */
export async function* refusals(client, { bodies }) {
  for (const body of bodies) {
    yield await client.chat.completions
      .create(body)
      .catch(({ constructor, status, code, param }) => ({ name: constructor.name, status, code, param }));
  }
}
