/** Clients that ask again and again until enough was asked, and what became of each request. */
import { setTimeout as delay } from "node:timers/promises";
import { randomFrom, soakRequest, type SoakRequest } from "./soak-request.js";

export interface SoakLoad {
  readonly clients: number;
  /** The run ends with the first of the two. */
  readonly requests: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface SoakOutcome {
  /** Every request is one of the three. */
  readonly whole: number;
  readonly cancelled: number;
  /** What the first of those said that were neither. */
  readonly failures: readonly string[];
  readonly failed: number;
  /** Answers 429 with retry-after, after which the client came again. */
  readonly toldToWait: number;
  readonly tokens: number;
  readonly seconds: number;
}

const keptFailures = 20;
/** Times that a client comes again before it gives up, which is a failure. */
const mostAttempts = 200;

type Ended = { readonly kind: "whole"; readonly tokens: number } | { readonly kind: "cancelled" };

export async function soak(address: string, { clients, requests, seconds, seed }: SoakLoad): Promise<SoakOutcome> {
  const start = performance.now();
  const counts = { whole: 0, cancelled: 0, failed: 0, toldToWait: 0, tokens: 0 };
  const failures: string[] = [];
  let begun = 0;
  const ask = async (request: SoakRequest, random: () => number): Promise<Ended> => {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const { ended, wait } = await send(address, request);
      if (ended !== undefined) return ended;
      counts.toldToWait++;
      // All at once they would find it full again.
      await delay(1000 * wait * (0.5 + random()));
    }
    throw new Error(`told to wait ${mostAttempts} times`);
  };
  const client = async (number: number): Promise<void> => {
    const random = randomFrom(seed + number);
    while (begun < requests && performance.now() - start < 1000 * seconds) {
      begun++;
      try {
        const ended = await ask(soakRequest(random), random);
        counts[ended.kind]++;
        if (ended.kind === "whole") counts.tokens += ended.tokens;
      } catch (error) {
        counts.failed++;
        if (failures.length < keptFailures) failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return { ...counts, failures, seconds: (performance.now() - start) / 1000 };
}

interface Sent {
  /** Undefined when the server asked the client to come again. */
  readonly ended?: Ended;
  /** Seconds. */
  readonly wait: number;
}

/** Throws for every answer that is none of those that a client can count on. */
async function send(address: string, { body, choices, leavesAfter }: SoakRequest): Promise<Sent> {
  const signal = leavesAfter === undefined ? undefined : AbortSignal.timeout(leavesAfter);
  try {
    const response = await fetch(`${address}/v1/completions`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...body, ...(body.stream ? { stream_options: { include_usage: true } } : {}) }),
      signal: signal ?? null,
    });
    const text = await response.text();
    const wait = Number(response.headers.get("retry-after"));
    if (response.status === 429 && wait > 0) return { wait };
    if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
    const tokens = body.stream ? tokensOfStream(text, choices) : tokensOfAnswer(JSON.parse(text) as Answer, choices);
    return { ended: { kind: "whole", tokens }, wait: 0 };
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason) return { ended: { kind: "cancelled" }, wait: 0 };
    throw error;
  }
}

interface Answer {
  readonly choices: readonly { readonly index: number; readonly finish_reason: string | null }[];
  readonly usage?: { readonly completion_tokens: number };
}

function tokensOfStream(text: string, choices: number): number {
  const data = text.split("\n\n").map((event) => event.replace(/^data: /, ""));
  if (data.pop() !== "" || data.pop() !== "[DONE]") throw new Error(`a stream without its end: ${text.slice(-300)}`);
  const events = data.map((event) => JSON.parse(event) as Answer);
  const { usage } = events.at(-1) ?? {};
  const all = events.flatMap((event) => event.choices);
  return tokensOfAnswer(
    { choices: all.filter((choice) => choice.finish_reason !== null), ...(usage && { usage }) },
    choices,
  );
}

function tokensOfAnswer({ choices, usage }: Answer, expected: number): number {
  const ended = new Set(choices.filter((choice) => choice.finish_reason !== null).map(({ index }) => index));
  if (ended.size !== expected || choices.length !== expected || usage === undefined)
    throw new Error(`expected ${expected} whole texts and their usage, received ${JSON.stringify({ choices, usage })}`);
  return usage.completion_tokens;
}
