// node play.mjs PACKAGE URL SCENE GIVEN: plays a scene with a client, prints what it yields, a line of JSON each.

const [packageName, apiUrl, name, given] = process.argv.slice(2);

const casts = {
  openai: async () => {
    const { OpenAI } = await import("openai");
    const baseURL = new URL("v1", apiUrl).href;
    return ["./openai_scenes.mjs", new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 })];
  },
  langserve: async () => {
    const { RemoteRunnable } = await import("langchain-core-0.3/runnables/remote");
    const graph = (id) => new RemoteRunnable({ url: new URL(`langserve/${id}`, apiUrl).href });
    return ["./langserve_scenes.mjs", graph];
  },
};
const official = async () => {
  const { Client } = await import(packageName);
  return ["./scenes.mjs", new Client({ apiUrl })];
};

const [file, client] = await (casts[packageName] ?? official)();
const scenes = await import(file);
for await (const line of scenes[name](client, JSON.parse(given))) {
  process.stdout.write(JSON.stringify(line ?? null) + "\n");
}
