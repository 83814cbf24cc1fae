/** The worker's life: shared by sessions, replaced after a crash, never in the way of the event loop or of exiting. */
import { hangLimit } from "@dynamo/build/vitest";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { tensor, type Runtime, type Session, type Tensor } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { arithmeticGraph, heavyGraph, identityGraph } from "@dynamo/runtime-contract";

/** Every worker that got a message since the test began. */
const workers = new Set<Worker>();
let runtime: Runtime;
const lines: string[] = [];

beforeEach(() => {
  workers.clear();
  lines.length = 0;
  const { postMessage } = Worker.prototype;
  vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...args) {
    workers.add(this);
    postMessage.apply(this, args);
  });
  runtime = createNodeRuntime({ device: "cpu", logger: (line) => lines.push(line) });
});

afterEach(async () => {
  vi.restoreAllMocks();
  await runtime.dispose();
});

test("the worker starts with the first session, and sessions share it", async () => {
  expect(await runtime.device()).toEqual({ device: "cpu", reason: "asked for" });
  expect(workers.size).toBe(0);
  await Promise.all([1, 2, 3].map(async () => runtime.createSession({ bytes: await identityGraph("float32") })));
  expect(workers.size).toBe(1);
  expect(lines).toEqual(["device: cpu (asked for)"]);
});

test("a worker that ends rejects what is under way; the next session gets a new worker", async () => {
  const session = await runtime.createSession({ bytes: await identityGraph("float32") });
  const first = echo(session, 1);
  // Nothing that a runtime sends: the worker ends over it. (terminate() would stop it inside ONNX Runtime, which aborts.)
  for (const worker of workers) worker.postMessage(null);
  const second = echo(session, 2);
  expect(await first).toBe(1);
  await expect(second).rejects.toMatchObject({
    code: "runtime",
    message: expect.stringContaining("ended unexpectedly (exit code 1"),
  });
  await expect(echo(session, 3)).rejects.toThrow("inference worker has ended; create the session again");
  await session.dispose();

  const next = await runtime.createSession({ bytes: await identityGraph("float32") });
  expect(await echo(next, 5)).toBe(5);
  expect(workers.size).toBe(2);
  expect(lines).toHaveLength(2);
});

test("workers can be ended and replaced many times", async () => {
  for (let round = 0; round < 15; round++) {
    const session = await runtime.createSession({ bytes: await identityGraph("float32") });
    expect(await echo(session, round)).toBe(round);
    await [...workers].at(-1)?.terminate();
  }
  expect(workers.size).toBe(15);
});

test("a graph is loaded from a file, with its weights beside it in memory or on disk", async () => {
  const folder = await mkdtemp(join(tmpdir(), "runtime-node-"));
  try {
    const path = join(folder, "graph.onnx");
    await writeFile(path, await arithmeticGraph());
    const session = await runtime.createSession({ path });
    const { sum } = await session.run({ a: scalar(1), b: scalar(2) }, ["sum"]);
    expect(sum?.data[0]).toBe(3);
    await expect(runtime.createSession({ path: join(folder, "none.onnx") })).rejects.toMatchObject({
      code: "not-found",
    });
    await expect(runtime.createSession({ path: folder })).rejects.toThrow("expected a file, received a folder");
    await writeFile(path, "not a graph");
    await expect(runtime.createSession({ path })).rejects.toMatchObject({ code: "invalid-file" });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("options out of range are refused at once", () => {
  expect(() => createNodeRuntime({ threads: 0 })).toThrow("threads must be a whole number from 1 to 1024, received 0");
  expect(() => createNodeRuntime({ device: "tpu" as "cpu" })).toThrow(
    'device must be one of "auto", "cpu", "cuda", "webgpu", received "tpu"',
  );
});

describe("the process", () => {
  const library = JSON.stringify(new URL("../dist/index.js", import.meta.url).href);
  const start = async (): Promise<string> => {
    const graph = Buffer.from(await identityGraph("float32")).toString("base64");
    return `import { createNodeRuntime } from ${library};
    const runtime = createNodeRuntime({ device: "cpu" });
    const session = await runtime.createSession({ bytes: Buffer.from("${graph}", "base64") });
    const x = { dtype: "float32", dims: [1], data: Float32Array.of(7) };`;
  };

  test("exits by itself with sessions open, after every call was answered", async () => {
    const { stdout } = await runScript(
      `${await start()} session.run({ x }, ["y"]).then(({ y }) => console.log(y.data[0]));`,
    );
    expect(stdout.trim()).toBe("7");
  });

  test("ends when told to, with calls under way, and without a crash", async () => {
    const calls = `for (let i = 0; i < 1000; i++) void session.run({ x }, ["y"]).catch(() => {});`;
    const leave = `setTimeout(() => { console.log("leaving"); process.exit(0); }, 1);`;
    // Small passes, because the crash is in handing their results over; without the wait every third process aborted.
    for (let round = 0; round < 10; round++) {
      expect((await runScript(`${await start()} ${calls} ${leave}`)).stdout.trim()).toBe("leaving");
    }
  });
});

test("the event loop goes on while a model decodes", async () => {
  // The meter itself: a thread that computes takes no turn of its loop meanwhile.
  const blocked = await turnsDuring(async () => {
    let x = 1;
    for (let i = 0; i < 1e7; i++) x = Math.sin(x + i);
    await Promise.resolve(x);
  });
  expect(blocked).toBeLessThanOrEqual(1);

  const session = await runtime.createSession({ bytes: await heavyGraph(1024, 8) });
  const x = tensor("float32", [256, 1024]);
  expect(await turnsDuring(() => session.run({ x }, ["y"]))).toBeGreaterThan(50);
});

test("200 sessions created and disposed do not add up in memory", async () => {
  const bytes = await heavyGraph(1024, 1);
  const x = tensor("float32", [1, 1024]);
  const rounds = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      const session = await runtime.createSession({ bytes });
      await session.run({ x }, ["y"]);
      await session.dispose();
    }
    return process.memoryUsage.rss();
  };
  const before = await rounds(40);
  const after = await rounds(160);
  // 160 rounds' weights are 670 MB; what the allocator keeps for later is far less.
  expect(after - before).toBeLessThan(100e6);
});

/** Turns that this thread's event loop takes before `work` has settled. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let [turns, over] = [0, false];
  const turn = (): void => {
    turns++;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  over = true;
  return turns;
}

async function echo(session: Session, value: number): Promise<unknown> {
  return (await session.run({ x: scalar(value) }, ["y"]))["y"]?.data[0];
}

function scalar(value: number): Tensor<"float32"> {
  return tensor("float32", [1], Float32Array.of(value));
}

function runScript(script: string): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { timeout: hangLimit });
}
