// What LangServe's client in LangChain is made to do. Each scene yields what the test looks at.

import { HumanMessage } from "langchain-core-0.3/messages";

const texts = (values) => values.messages.map((message) => [message.getType(), message.content]);
const said = (text) => ({ messages: [new HumanMessage(text)] });

/** What is remembered on a thread after two calls. */
export async function* remembered(graph, { thread_id }) {
  const options = { configurable: { thread_id }, runName: "call" };
  await graph("chat").invoke(said("one"), options);
  yield texts(await graph("chat").invoke(said("two"), options));
}

/** The outputs of several calls. */
export async function* batch(graph, { inputs }) {
  yield await graph("joke").batch(inputs, { metadata: { why: "test" } }, { maxConcurrency: 2 });
}

/** The chunks of a call. */
export async function* stream(graph, { input, ...options }) {
  yield* await graph("joke").stream(input, options);
}

/** Events, by name. */
export async function* events(graph, { input, ...options }) {
  const wanted = { includeTypes: ["parser"] };
  const told = graph("joke").streamEvents(input, { version: "v2", ...options }, wanted);
  for await (const { event, name } of told) yield [event, name];
}

/** The final output of a log, put together by the client. */
export async function* log(graph, { input }) {
  let whole;
  for await (const patch of graph("joke").streamLog(input)) whole = whole?.concat(patch) ?? patch;
  yield whole.state.final_output;
}

/** How calls fail. */
export async function* failures(graph) {
  yield await graph("nobody").invoke({}).catch(String);
  try {
    for await (const _ of await graph("faulty").stream({ verb: "raise" }));
  } catch (error) {
    yield String(error);
  }
}
