// node play.mjs PACKAGE URL SCENE GIVEN: plays a scene with a client, prints what it yields, a line of JSON each.

const [packageName, apiUrl, name, given] = process.argv.slice(2);
const isOpenAI = packageName === "openai";
const { Client, OpenAI } = await import(packageName);
const scenes = await import(isOpenAI ? "./openai_scenes.mjs" : "./scenes.mjs");
const client = isOpenAI
  ? new OpenAI({ baseURL: new URL("v1", apiUrl).href, apiKey: "none", maxRetries: 0 })
  : new Client({ apiUrl });

for await (const line of scenes[name](client, JSON.parse(given))) {
  process.stdout.write(JSON.stringify(line ?? null) + "\n");
}
