/** The server's end of the inference process, with processes that do what the test says. */
import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createInference, type Inference, type InferenceEvent } from "./inference.js";
import type { FromInference, InferenceRequest, ServedModel, ToInference } from "./messages.js";

const model: ServedModel = {
  ...{ tokenHeads: 1, contextLength: 100, vocabularySize: 10, maxNewTokens: 30, chat: false, dtype: "q8" },
  warnings: ["generation_config.json: num_beams is not applied"],
  device: { device: "cpu", reason: "chosen by the test" },
};
const chunk = { text: "a", tokens: 1, logprobs: [], pass: undefined };
const statistics = {
  ...{ promptTokens: 1, reusedTokens: 0, passes: 1, orders: {}, drafted: 0, accepted: 0 },
  seconds: { queued: 0, firstToken: 0, total: 0 },
};
const end = { finishReason: "stop" as const, tokens: 1, statistics };

class FakeProcess extends EventEmitter {
  readonly sent: ToInference[] = [];
  readonly signals: string[] = [];
  readonly pid = 1;
  connected = true;
  send = (message: ToInference): void => void this.sent.push(message);
  kill(signal: string): void {
    this.signals.push(signal);
    this.end(null, signal);
  }
  say(message: FromInference): void {
    this.emit("message", message);
  }
  end(code: number | null, signal: string | null): void {
    this.connected = false;
    this.emit("exit", code, signal);
  }
  /** Ids of the requests that it was given. */
  get given(): number[] {
    return this.sent.flatMap((message) => (message.kind === "submit" ? [message.id] : []));
  }
}

let processes: FakeProcess[];
let restarts: string[];
/** What was logged as a warning. */
let warned: string[];
/** Prompts that were read, and the room that each was to leave. */
let read: number;
let lengths: number[];
let inference: Inference;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  [processes, restarts, warned, read, lengths] = [[], [], [], 0, []];
  inference = createInference({
    settings: { folder: "", device: "cpu", dtype: undefined, threads: undefined, slots: 2, queue: 2 },
    ...{ hangMilliseconds: 1000, restartPause: 0 },
    onPass: () => undefined,
    onState: () => undefined,
    onRestart: (reason) => restarts.push(reason),
    log(level, line) {
      if (level === "warn") warned.push(line);
    },
    startThread: () => ({
      alive: true,
      run({ maxNewTokens }) {
        read++;
        lengths.push(maxNewTokens);
        return Promise.resolve({ text: "p", ids: Int32Array.of(1), dropped: 0 });
      },
      end: () => undefined,
    }),
    start() {
      const fake = new FakeProcess();
      processes.push(fake);
      return fake as unknown as ChildProcess;
    },
  });
  void inference.start();
  processes[0]?.say({ kind: "ready", model });
});
afterEach(() => vi.useRealTimers());

/** The newest process, when there are so many. */
async function process(count: number): Promise<FakeProcess> {
  while (processes.length < count) await new Promise((resolve) => setImmediate(resolve));
  return processes[count - 1] as FakeProcess;
}

async function ready(count: number): Promise<FakeProcess> {
  const fake = await process(count);
  fake.say({ kind: "ready", model });
  return fake;
}

interface Submitted {
  readonly events: ReadableStreamDefaultReader<InferenceEvent>;
  readonly abort: AbortController;
}

async function submit(whole = false): Promise<Submitted> {
  const request = { prompt: "p", whole, joins: false, index: 0 } as unknown as InferenceRequest;
  const abort = new AbortController();
  return { events: (await inference.submit(request, abort.signal)).getReader(), abort };
}

async function kinds({ events }: Submitted): Promise<string[]> {
  const seen: string[] = [];
  try {
    for (let next = await events.read(); next.value !== undefined; next = await events.read())
      seen.push(next.value.kind);
  } catch (error) {
    seen.push(String(error));
  }
  return seen;
}

const finish = (fake: FakeProcess, id: number): void => {
  fake.say({ kind: "taken", id });
  fake.say({ kind: "chunk", id, chunk });
  fake.say({ kind: "end", id, end });
};

test("a prompt is read once for all texts of a request, and the process gets its ids", async () => {
  const { signal } = new AbortController();
  const messages = { messages: [] };
  for (const [index, key] of [
    [0, "a"],
    [1, "a"],
    [2, "a"],
    [1, "b"],
  ] as const)
    await inference.submit({ prompt: messages, key, index } as unknown as InferenceRequest, signal);
  expect(read).toBe(2);
  const given = processes[0]?.sent.flatMap((message) => (message.kind === "submit" ? [message.request.prompt] : []));
  expect(given).toEqual(new Array(4).fill(Int32Array.of(1)));
});

test("a text is as long as its request says, else as the model's folder recommends, and no longer than the context", async () => {
  const { signal } = new AbortController();
  for (const maxNewTokens of [7, undefined, Infinity])
    await inference.submit({ prompt: "p", key: "a", index: 0, maxNewTokens } as unknown as InferenceRequest, signal);
  const given = processes[0]?.sent.flatMap((message) =>
    message.kind === "submit" ? [message.request.maxNewTokens] : [],
  );
  expect([given, lengths]).toEqual([
    [7, 30, 100],
    [7, 30, 100],
  ]);
});

test("what its model's folder asks for in vain is told once, and not again after a restart", async () => {
  expect(warned).toEqual(model.warnings);
  processes[0]?.end(1, null);
  await ready(2);
  expect(processes).toHaveLength(2);
  expect(warned).toEqual(model.warnings);
});

describe("a process that ends", () => {
  test("takes along the texts that clients have a part of; others begin again in the next one", async () => {
    const [first] = processes as [FakeProcess];
    const [waiting, stream, whole] = [await submit(), await submit(), await submit(true)];
    for (const id of [1, 2]) {
      first.say({ kind: "taken", id });
      first.say({ kind: "chunk", id, chunk });
    }
    await stream.events.read();
    expect((await stream.events.read()).value?.kind).toBe("chunk");
    first.end(null, "SIGKILL");
    expect(inference.state).toBe("restarting");
    const second = await ready(2);
    // Said before its end, read after it.
    first.say({ kind: "end", id: 0, end });
    for (const id of [0, 2]) finish(second, id);
    expect(await kinds(waiting)).toEqual(["taken", "chunk", "end"]);
    expect(await kinds(stream)).toEqual([expect.stringMatching(/SIGKILL/)]);
    expect(await kinds(whole)).toEqual(["taken", "chunk", "again", "chunk", "end"]);
    expect([restarts, inference.state]).toEqual([["ended"], "ready"]);
  });

  test("meets its culprit alone the second time: who was there the first time is served", async () => {
    const all = [await submit(), await submit(), await submit()];
    processes[0]?.end(1, null);
    const second = await ready(2);
    expect(second.given).toEqual([0]);
    // A new one does not wait for those.
    const late = await submit();
    expect(second.given).toEqual([0, 3]);
    second.end(1, null);
    const third = await ready(3);
    expect(third.given).toEqual([1]);
    finish(third, 1);
    expect(third.given).toEqual([1, 2]);
    finish(third, 2);
    expect(third.given).toEqual([1, 2, 3]);
    finish(third, 3);
    const ends = await Promise.all([...all, late].map(kinds));
    expect(ends.map((seen) => seen.at(-1))).toEqual([expect.stringMatching(/exit code 1/), "end", "end", "end"]);
  });

  test("hands the turn of a client that leaves to the next", async () => {
    const [gone, next] = [await submit(), await submit()];
    processes[0]?.end(1, null);
    const second = await ready(2);
    gone.abort.abort();
    expect(second.given).toEqual([0, 1]);
    finish(second, 1);
    expect((await kinds(next)).at(-1)).toBe("end");
    expect(await kinds(gone)).toEqual([expect.stringMatching(/cancelled/)]);
  });

  test("before it was ready the second time, it is started a third time", async () => {
    const waiting = await submit();
    processes[0]?.end(1, null);
    (await process(2)).end(1, null);
    expect(await kinds(waiting)).toEqual([expect.stringMatching(/exit code 1/)]);
    finish(await ready(3), 0);
    expect(inference.ready).toBe(true);
  });
});

describe("a process that hangs", () => {
  test("is silent, then killed, and what it had not begun is tried in the next", async () => {
    const [first] = processes as [FakeProcess];
    const waiting = await submit();
    first.say({ kind: "alive", memory: { resident: 5, heap: 3 } });
    expect(inference.memory).toEqual({ resident: 5, heap: 3 });
    vi.advanceTimersByTime(900);
    expect([inference.state, inference.ready, first.signals]).toEqual(["silent", false, []]);
    first.say({ kind: "alive", memory: { resident: 5, heap: 3 } });
    expect(inference.state).toBe("ready");
    vi.advanceTimersByTime(1000);
    expect([inference.state, first.signals]).toEqual(["restarting", ["SIGKILL"]]);
    expect(restarts).toEqual(["hung"]);
    finish(await ready(2), 0);
    expect(await kinds(waiting)).toEqual(["taken", "chunk", "end"]);
  });

  test("is left in peace while it loads its model", async () => {
    processes[0]?.end(1, null);
    const second = await process(2);
    vi.advanceTimersByTime(100_000);
    expect([inference.state, second.signals]).toEqual(["restarting", []]);
  });

  test("fails the request that hangs it again", async () => {
    const waiting = await submit();
    vi.advanceTimersByTime(1000);
    await ready(2);
    vi.advanceTimersByTime(1000);
    await ready(3);
    expect(await kinds(waiting)).toEqual([expect.stringMatching(/hung: no sign of life for 1 s/)]);
  });
});
