import { readdirSync } from "node:fs";
import { preset } from "@dynamo/build/tsup";

// Every module is an entry: main imports the benches by name, so that one that does not build its data or is missing
// breaks no other.
const modules = readdirSync("src").filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));

export default preset(Object.fromEntries(modules.map((file) => [file.slice(0, -".ts".length), `src/${file}`])), {
  platform: "node",
});
