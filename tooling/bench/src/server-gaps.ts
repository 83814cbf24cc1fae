/**
 * Whether one client's requests keep another waiting: the longest gap in a stream while prompts come in that take long to read, or are
 * refused. Clients run in this process; the server and its inference process are their own.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { modelPath } from "@dynamo/stories";
import type { BenchOptions, BenchResult } from "./bench.js";
import { startServerProcess } from "./server-process.js";
import { quantile, round } from "./statistics.js";

/** Seconds of each row. */
const [loadSeconds, quickSeconds] = [20, 3];
/** Clients that send the same request again and again. */
const others = 2;

const template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:";
const turns = (count: number, content: string): object => ({
  messages: Array.from({ length: count }, (_, i) => ({ role: i % 2 === 0 ? "user" : "assistant", content })),
  max_tokens: 1,
});

interface Case {
  readonly name: string;
  readonly path?: string;
  readonly body?: object;
}

const chat = "/v1/chat/completions";
const cases: readonly Case[] = [
  { name: "nothing" },
  { name: "a short prompt", path: "/v1/completions", body: { prompt: "Once upon a time", max_tokens: 1 } },
  { name: "a million letters", path: "/v1/completions", body: { prompt: "a".repeat(1_000_000), max_tokens: 1 } },
  { name: "a message of a million letters", path: chat, body: turns(1, "a".repeat(1_000_000)) },
  { name: "400 turns of ten words", path: chat, body: turns(401, "one two three four five six seven eight nine ten") },
  { name: "800 short turns", path: chat, body: turns(801, "yes") },
  { name: "10,000 short turns", path: chat, body: turns(9_999, "yes") },
];

export async function benchServerGaps({ quick, models }: BenchOptions): Promise<BenchResult> {
  const place = await mkdtemp(join(tmpdir(), "dynamo-gaps-"));
  const folder = await chatFolder([...models.values()][0] ?? modelPath, place);
  const server = await startServerProcess([`chat=${folder}`, "--slots", "4", "--queue", "64"]);
  try {
    const rows: BenchResult["rows"][number][] = [];
    let usual = 0;
    for (const { name, path = "", body } of cases) {
      const over = new AbortController();
      const text = JSON.stringify(body);
      const counts = { answered: 0, refused: 0 };
      const load =
        body === undefined
          ? []
          : Array.from({ length: others }, () => ask(server.address + path, text, over.signal, counts));
      const gaps = await streamGaps(server.address, quick ? quickSeconds : loadSeconds);
      over.abort();
      await Promise.all(load);
      const longest = Math.max(...gaps);
      if (body === undefined) usual = longest;
      rows.push({
        "beside the stream": name,
        ...counts,
        "gap ms p50": round(quantile(gaps, 0.5)),
        "gap ms p99": round(quantile(gaps, 0.99)),
        "longest ms": round(longest),
        "beyond usual ms": round(longest - usual),
      });
    }
    return { name: "server-gaps", rows };
  } finally {
    await server.stop();
    await rm(place, { recursive: true });
  }
}

/** The model with a chat template. */
async function chatFolder(model: string, place: string): Promise<string> {
  const folder = join(place, "model");
  await cp(model, folder, { recursive: true });
  const file = join(folder, "tokenizer_config.json");
  const config = JSON.parse(await readFile(file, "utf8").catch(() => "{}")) as object;
  await writeFile(file, JSON.stringify({ ...config, chat_template: template }));
  return folder;
}

async function ask(
  url: string,
  body: string,
  signal: AbortSignal,
  counts: { answered: number; refused: number },
): Promise<void> {
  const request = { method: "POST", headers: { "Content-Type": "application/json" }, body, signal };
  while (!signal.aborted) {
    const response = await fetch(url, request).catch(() => undefined);
    const text = await response?.text().catch(() => undefined);
    if (text === undefined) continue;
    if (response?.ok === true) counts.answered++;
    else counts.refused++;
  }
}

/** Milliseconds between two chunks of a text, of one text after the other. */
async function streamGaps(address: string, seconds: number): Promise<number[]> {
  const gaps: number[] = [];
  const start = performance.now();
  for (let seed = 1; performance.now() - start < 1000 * seconds; seed++) {
    const strategy = { strategy: "autoregressive" };
    const body = { prompt: "Once upon a time", seed, max_tokens: 400, stream: true, dynamo: strategy };
    const response = await fetch(`${address}/v1/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
    let last: number | undefined;
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      if (chunk.length === 0) continue;
      const now = performance.now();
      if (last !== undefined) gaps.push(now - last);
      last = now;
    }
  }
  return gaps;
}
