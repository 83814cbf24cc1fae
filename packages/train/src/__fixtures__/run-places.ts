/** The runtime, the dataset and the folders of a file's tests of whole runs. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Runtime } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll } from "vitest";
import { byteDataset, temporaryFolder } from "./tiny.js";

/** What a file's tests of runs share: made before them, removed after them. */
export interface RunPlaces {
  readonly runtime: Runtime;
  readonly folder: string;
  readonly dataset: string;
  /** A path in the folder where nothing is yet. */
  readonly place: () => string;
}

/** Registers the hooks that make a runtime, a folder and a dataset of bytes in it. */
export function runPlaces(): RunPlaces {
  const runtime = createNodeRuntime({ device: "cpu", threads: 2 });
  const folder = temporaryFolder();
  let dataset = "";
  let made = 0;
  beforeAll(async () => {
    dataset = await byteDataset(folder);
  });
  afterAll(async () => {
    await runtime.dispose();
    rmSync(folder, { recursive: true });
  });
  return {
    runtime,
    folder,
    get dataset() {
      return dataset;
    },
    place: () => join(folder, `run-${made++}`),
  };
}
