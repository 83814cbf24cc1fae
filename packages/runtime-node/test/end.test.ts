/** The worker's end where its port cannot be closed, as in Deno. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { createState } from "../src/worker-state.js";

test.each([
  ["with", ""],
  ["without", 'require("node:worker_threads").parentPort.close = undefined;'],
])("the worker ends when it is told to, on a port %s close", async (_, before) => {
  const file = new URL("../dist/worker.js", import.meta.url).href;
  const worker = new Worker(`${before} import(${JSON.stringify(file)});`, {
    eval: true,
    execArgv: [],
    workerData: { settings: { device: "cpu", threads: 1 }, state: createState() },
  });
  const errors: unknown[] = [];
  worker.on("error", (error) => errors.push(error));
  worker.postMessage({ shutdown: true });
  const [code] = (await once(worker, "exit")) as [number];
  expect([code, errors]).toEqual([0, []]);
});
