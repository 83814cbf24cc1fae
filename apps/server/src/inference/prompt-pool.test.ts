/** Threads that do what the test says. */
import { DynamoError } from "@dynamo/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createPromptPool, type PromptPool, type PromptThread } from "./prompt-pool.js";
import type { PreparedPrompt, PromptRequest } from "./prompt.js";

class FakeThread implements PromptThread {
  alive = true;
  reading: string | undefined;
  private settle: { resolve(prompt: PreparedPrompt): void; reject(error: unknown): void } | undefined;

  run({ prompt }: PromptRequest): Promise<PreparedPrompt> {
    expect(this.reading).toBeUndefined();
    this.reading = prompt as string;
    return new Promise((resolve, reject) => (this.settle = { resolve, reject }));
  }
  finish(): void {
    const text = this.reading as string;
    this.reading = undefined;
    this.settle?.resolve({ text, ids: Int32Array.of(1), dropped: 0 });
  }
  end(): void {
    this.alive = false;
    this.settle?.reject(new DynamoError("runtime", "the thread ended"));
  }
}

let threads: FakeThread[];
let pool: PromptPool;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  threads = [];
  const start = (): FakeThread => {
    const thread = new FakeThread();
    threads.push(thread);
    return thread;
  };
  pool = createPromptPool({ start, waiting: 3 });
});
afterEach(() => vi.useRealTimers());

const prepare = (prompt: string, key = prompt, signal = new AbortController().signal): Promise<string> =>
  pool.prepare({ prompt, maxNewTokens: 1 }, key, signal).then(({ text }) => text, String);

/** Until every promise that can has told its news. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const reading = (): (string | undefined)[] => threads.map((thread) => thread.reading);
const alive = (): boolean[] => threads.map((thread) => thread.alive);

describe("prompts", () => {
  test("are read one after the other by one thread while none of them takes long", async () => {
    const all = [prepare("a"), prepare("b"), prepare("c")];
    for (const text of ["a", "b", "c"]) {
      expect(reading()).toEqual([text]);
      threads[0]?.finish();
      await settled();
    }
    expect(await Promise.all(all)).toEqual(["a", "b", "c"]);
  });

  test("do not wait for one that takes long: there is one more thread, and it ends when it has no work", async () => {
    const slow = prepare("slow");
    const quick = prepare("quick");
    vi.advanceTimersByTime(199);
    expect(reading()).toEqual(["slow"]);
    vi.advanceTimersByTime(1);
    expect(reading()).toEqual(["slow", "quick"]);
    threads[1]?.finish();
    threads[0]?.finish();
    expect(await Promise.all([slow, quick])).toEqual(["slow", "quick"]);
    vi.advanceTimersByTime(30_000);
    expect(alive().filter(Boolean)).toHaveLength(1);
    const next = prepare("next");
    threads.find((thread) => thread.alive)?.finish();
    expect(await next).toBe("next");
    expect(threads).toHaveLength(2);
  });

  test("of one key never take all threads", async () => {
    const greedy = [prepare("g1", "g"), prepare("g2", "g"), prepare("g3", "g")];
    for (let i = 0; i < 10; i++) vi.advanceTimersByTime(200);
    expect(reading()).toEqual(["g1", "g2"]);
    const other = prepare("other");
    vi.advanceTimersByTime(200);
    expect(reading()).toEqual(["g1", "g2", "other"]);
    threads[2]?.finish();
    expect(await other).toBe("other");
    // Its turn comes with a thread of its own key's.
    expect(reading()).toEqual(["g1", "g2", undefined]);
    threads[0]?.finish();
    await settled();
    expect(reading().filter((text) => text === "g3")).toHaveLength(1);
    pool.close();
    expect(await greedy[2]).toMatch(/closing/);
  });

  test("are refused when too many wait", async () => {
    const first = prepare("first");
    for (const text of ["a", "b", "c"]) void prepare(text);
    expect(await prepare("d")).toMatch(/3 prompts wait to be read already/);
    threads[0]?.finish();
    expect(await first).toBe("first");
  });

  test("end with their request: at once for it, and with its thread when that does not come to an end soon", async () => {
    const gone = new AbortController();
    const answer = prepare("endless", "a", gone.signal);
    const next = prepare("next");
    gone.abort(new DynamoError("aborted", "the client is gone"));
    expect(await answer).toMatch(/the client is gone/);
    expect(alive()).toEqual([true]);
    vi.advanceTimersByTime(250);
    await settled();
    expect([alive()[0], reading().at(-1)]).toEqual([false, "next"]);
    threads.at(-1)?.finish();
    expect(await next).toBe("next");
  });

  test("that nobody wants any more leave a thread that is done with them in peace", async () => {
    const gone = new AbortController();
    const answer = prepare("quick", "a", gone.signal);
    gone.abort();
    threads[0]?.finish();
    expect(await answer).toMatch(/cancelled/);
    vi.advanceTimersByTime(10_000);
    expect(alive()).toEqual([true]);
    const waiting = new AbortController();
    void prepare("first");
    const second = prepare("second", "b", waiting.signal);
    waiting.abort();
    expect(await second).toMatch(/cancelled/);
    threads[0]?.finish();
    await settled();
    expect(reading()).toEqual([undefined]);
    expect(await prepare("late", "a", waiting.signal)).toMatch(/cancelled/);
  });

  test("that take longer than any should are refused, and the next ones served", async () => {
    const endless = prepare("endless");
    vi.advanceTimersByTime(30_000);
    expect(await endless).toMatch(/longer than 30 s/);
    expect(alive()).toEqual([false]);
    const next = prepare("next");
    threads[1]?.finish();
    expect(await next).toBe("next");
  });

  test("whose thread dies are told so, and the next one has a new thread", async () => {
    const dying = prepare("dying");
    threads[0]?.end();
    expect(await dying).toMatch(/the thread ended/);
    const next = prepare("next");
    threads[1]?.finish();
    expect(await next).toBe("next");
    // One that dies without work is not asked.
    if (threads[1] !== undefined) threads[1].alive = false;
    const last = prepare("last");
    threads[2]?.finish();
    expect(await last).toBe("last");
  });
});
