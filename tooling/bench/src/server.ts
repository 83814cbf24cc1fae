/**
 * A server under load: tokens/s, time to first token and between chunks for 1, 4, 16 and 64 clients, on the embedded model.
 * Clients run in this process; the server and its inference process are their own.
 */
import type { BenchOptions, BenchResult } from "./bench.js";
import { readMetrics, startServerProcess, type Metrics } from "./server-process.js";
import { quantile, round } from "./statistics.js";

const clientCounts = [1, 4, 16, 64] as const;
const slots = 16;
const maxTokens = 128;
/** Seconds of load for every row; clients warm the server up before. */
const [loadSeconds, quickSeconds, warmUpSeconds] = [20, 3, 2];

const prompts = [
  "Once upon a time, there was a little dog who",
  "One day, a girl named Lily went to the",
  "Tom and Sam were best friends. They liked to",
  "There was a big tree in the",
];

export async function benchServer({ quick, models }: BenchOptions): Promise<BenchResult> {
  const folders = [...models].map(([name, folder]) => `${name}=${folder}`);
  const server = await startServerProcess([...folders, "--slots", String(slots), "--queue", "256"]);
  try {
    const rows: BenchResult["rows"][number][] = [];
    for (const strategy of ["autoregressive", "dynamo"]) {
      let alone = NaN;
      for (const clients of clientCounts) {
        await load(server.address, { clients, strategy, seconds: warmUpSeconds });
        const before = await readMetrics(server.address);
        const measured = await load(server.address, { clients, strategy, seconds: quick ? quickSeconds : loadSeconds });
        const row = rowOf(measured, before, await readMetrics(server.address));
        if (clients === 1) alone = row.tokensPerSecond;
        rows.push({
          strategy,
          clients,
          "tokens/s": round(row.tokensPerSecond),
          "× one": round(row.tokensPerSecond / alone),
          ...row.rest,
        });
      }
    }
    return { name: "server", rows };
  } finally {
    await server.stop();
  }
}

interface Load {
  readonly clients: number;
  readonly strategy: string;
  readonly seconds: number;
}

interface Measured {
  readonly seconds: number;
  readonly tokens: number;
  readonly requests: number;
  /** Milliseconds. */
  readonly firstChunks: readonly number[];
  readonly gaps: readonly number[];
}

/** Every client asks again as soon as it has its text, until the time is over; then the texts under way end. */
async function load(address: string, { clients, strategy, seconds }: Load): Promise<Measured> {
  const firstChunks: number[] = [];
  const gaps: number[] = [];
  let [tokens, requests] = [0, 0];
  const start = performance.now();
  const client = async (number: number): Promise<void> => {
    for (let turn = 0; performance.now() - start < 1000 * seconds; turn++) {
      const prompt = prompts[(number + turn) % prompts.length];
      const seed = 1 + number + clients * turn;
      const asked = performance.now();
      let last = asked;
      const body = { prompt, seed, max_tokens: maxTokens, stream: true, stream_options: { include_usage: true } };
      for await (const event of events(`${address}/v1/completions`, { ...body, dynamo: { strategy } })) {
        const now = performance.now();
        if (event.usage !== undefined) tokens += event.usage.completion_tokens;
        else if (event.choices[0]?.text !== "") {
          (last === asked ? firstChunks : gaps).push(now - last);
          last = now;
        }
      }
      requests++;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return { seconds: (performance.now() - start) / 1000, tokens, requests, firstChunks, gaps };
}

interface StreamEvent {
  readonly choices: readonly { readonly text: string }[];
  readonly usage?: { readonly completion_tokens: number };
}

async function* events(url: string, body: object): AsyncGenerator<StreamEvent, void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok || response.body === null) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  let rest = "";
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "data: [DONE]") yield JSON.parse(line.slice("data: ".length)) as StreamEvent;
  }
}

function rowOf(
  { seconds, tokens, requests, firstChunks, gaps }: Measured,
  before: Metrics,
  after: Metrics,
): { readonly tokensPerSecond: number; readonly rest: BenchResult["rows"][number] } {
  const difference: Metrics = (name, labels) => after(name, labels) - before(name, labels);
  const part = (name: string): number => difference("dynamo_pass_seconds_sum", `part="${name}"`);
  const model = part("prefill") + part("decode");
  const strategy = part("strategy");
  const rows = difference("dynamo_batch_rows_sum") / difference("dynamo_batch_rows_count");
  return {
    tokensPerSecond: tokens / seconds,
    rest: {
      requests,
      "rows a pass": round(rows),
      "first ms p50": round(quantile(firstChunks, 0.5)),
      "first ms p95": round(quantile(firstChunks, 0.95)),
      "gap ms p50": round(quantile(gaps, 0.5)),
      "gap ms p95": round(quantile(gaps, 0.95)),
      "model %": round((100 * model) / seconds),
      "strategy %": round((100 * strategy) / seconds),
      "rest / model %": round((100 * (seconds - model - strategy)) / model),
      "lag ms p99": round(1000 * after("nodejs_eventloop_lag_p99_seconds")),
    },
  };
}
