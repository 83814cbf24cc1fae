/** A text does not depend on who else is served: same seed, alone and among sixteen others, over HTTP. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask } from "./http.js";
import { startServer, type RunningServer } from "./start-server.js";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer({ options: { models: { stories: { slots: 8, queue: 64 } } } });
});
afterAll(async () => {
  await server.stop();
});

const strategies = [
  { strategy: "dynamo" },
  { strategy: "dynamo", backoff: 0.1 },
  { strategy: "dynamo", maskStrength: 1, adaptive: true, blur: true },
  { strategy: "verified" },
  { strategy: "verified", sources: ["lookup", "recycling"], drafts: 5 },
  { strategy: "verified", sources: ["heads", "lookup", "recycling"], drafts: "auto" },
  { strategy: "autoregressive" },
];
const mine = { prompt: "Once upon a time, there was a little dog", max_tokens: 40, seed: 11, logprobs: 2 };

/** Prompts of many lengths, every strategy, some greedy, some that end early. */
const others = Array.from({ length: 16 }, (_, i) => ({
  prompt: "The cat sat on the mat. ".repeat(1 + (i % 7)) + String(i),
  max_tokens: 8 + 6 * i,
  seed: i,
  temperature: i % 3 === 0 ? 0 : 1,
  dynamo: strategies[i % strategies.length],
}));

test.each(strategies)("%j", async (dynamo) => {
  const alone = await ask(server, { ...mine, dynamo });
  expect(alone.status).toBe(200);
  const crowd = others.map((body) => ask(server, body));
  const among = await Promise.all([0, 1].map(() => ask(server, { ...mine, dynamo })));
  const statuses = (await Promise.all(crowd)).map(({ status }) => status);
  expect(statuses).toEqual(statuses.map(() => 200));
  const textOf = ({ json }: { json: unknown }): string | undefined =>
    (json as { choices: { text: string }[] }).choices[0]?.text;
  expect(among.map(textOf)).toEqual([textOf(alone), textOf(alone)]);
});

test("who drafts makes no difference to a greedy text", async () => {
  const greedy = { ...mine, temperature: 0, logprobs: undefined };
  const answers = await Promise.all(
    strategies.filter(({ strategy }) => strategy !== "dynamo").map((dynamo) => ask(server, { ...greedy, dynamo })),
  );
  const texts = answers.map(({ json }) => (json as { choices: { text: string }[] }).choices[0]?.text);
  expect(new Set(texts).size).toBe(1);
});
