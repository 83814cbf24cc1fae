/** Requests as clients send them that do not behave: by fetch, and byte by byte on a bare connection. */
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { RunningServer } from "./start-server.js";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: unknown;
}

export interface AskOptions {
  readonly path?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** The short body of a completion that most tests ask for. */
export const short = { prompt: "Once upon a time", max_tokens: 4, seed: 1 };

/** Whoever drops the answer without reading it has left: fetch ends the request when the answer is collected as garbage. */
export function send(
  { address }: RunningServer,
  body: object | string | Uint8Array<ArrayBuffer>,
  { path = "/v1/completions", key, headers, signal }: AskOptions = {},
): Promise<Response> {
  return fetch(address + path, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...headers,
    },
    body: typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
}

export async function ask(...request: Parameters<typeof send>): Promise<Answer> {
  const response = await send(...request);
  const { status, headers } = response;
  const text = await response.text();
  return { status, headers, text, json: jsonOf(text) };
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The `data` of a stream's events; the last, "[DONE]", as it stands. */
export const eventsOf = (text: string): unknown[] =>
  text
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => event.replace(/^data: /, ""))
    .map((data) => (data === "[DONE]" ? data : jsonOf(data)));

/** What the server says on a connection until it ends it, or for so many milliseconds. */
export async function raw({ address }: RunningServer, bytes: string | Buffer, patience = 300_000): Promise<string> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.on("data", (data) => (said += String(data)));
  socket.on("error", () => undefined);
  socket.write(bytes);
  await Promise.race([new Promise((resolve) => socket.once("close", resolve)), delay(patience, 0, { ref: false })]);
  socket.destroy();
  return said;
}

/** A gauge of /metrics for the model stories. */
export async function gauge({ address }: RunningServer, name: string): Promise<number | undefined> {
  const metrics = await (await fetch(`${address}/metrics`)).text();
  const value = new RegExp(`^dynamo_${name}\\{model="stories"\\} (\\S+)$`, "m").exec(metrics)?.[1];
  return value === undefined ? undefined : Number(value);
}

export async function until(condition: () => Promise<boolean> | boolean, patience = 300_000): Promise<void> {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${patience} ms: ${condition.toString()}`);
    await delay(25);
  }
}

/** Nobody is computed and nobody waits. */
export const idle = async (server: RunningServer): Promise<boolean> =>
  (await gauge(server, "slots_active")) === 0 && (await gauge(server, "queue")) === 0;
