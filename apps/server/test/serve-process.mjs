// The server's process of the tests: `serve` with the options that it is given, and its address to the parent.
import { serve } from "@dynamo/server";
import { modelPath } from "@dynamo/stories";

const stop = new globalThis.AbortController();
process.on("SIGTERM", () => stop.abort());
const settings = { folder: modelPath, device: "cpu", slots: 4, queue: 16 };
const { models = {}, ...options } = JSON.parse(process.argv[2]);
await serve({
  port: 0,
  ...options,
  models: Object.entries({ stories: {}, ...models }).map(([name, own]) => ({
    name,
    settings: { ...settings, ...own },
  })),
  signal: stop.signal,
  onReady: (address) => process.send(address),
});
process.disconnect();
