// node play.mjs PACKAGE URL SCENE GIVEN: plays a scene with a client, prints what it yields, a line of JSON each.

import * as scenes from "./scenes.mjs";

const [packageName, apiUrl, name, given] = process.argv.slice(2);
const { Client } = await import(packageName);

for await (const line of scenes[name](new Client({ apiUrl }), JSON.parse(given))) {
  process.stdout.write(JSON.stringify(line ?? null) + "\n");
}
