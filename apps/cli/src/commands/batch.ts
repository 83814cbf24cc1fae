/** `dynamo batch`: a file of requests, a file of answers, and no server. */
import { resolve } from "node:path";
import { DynamoError } from "@dynamo/core";
import { runBatchFile } from "@dynamo/server";
import { servedPlugins } from "../served-plugins.js";
import { startProgress } from "../progress.js";
import { modelOf } from "./serve.js";
import type { BatchOptions } from "../schemas/serving.js";

/** Requests that wait for a slot: two lines of many texts each. */
const queue = 256;

export async function batch(
  input: string,
  folder: string | undefined,
  options: BatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { out, slots, requestTimeout: seconds } = options;
  if (resolve(out) === resolve(input))
    throw new DynamoError("invalid-argument", "--out: expected another file than the input");
  const argument = folder ?? `stories=${(await import("@dynamo/stories")).modelPath}`;
  const plugins = servedPlugins(options);
  const model = await modelOf(argument, { ...options, slots, queue }, { plugins, signal });
  const progress = startProgress("lines");
  try {
    const { total, before, refused, failed } = await runBatchFile({
      ...{ input, output: out, model, seconds, signal },
      onProgress: (done, all) => progress.update(done, all, model.name),
      log: (line) => console.error(line),
    });
    progress.stop();
    const resumed = before === 0 ? "" : `, ${before} of them from before`;
    const wrong = refused === 0 ? "" : `; ${refused} requests were refused, their answers say why`;
    console.error(`${out}: ${total - failed} of ${total} lines${resumed}${wrong}`);
    if (failed > 0)
      throw new DynamoError("runtime", `the model failed for ${failed} lines: the same command tries them again`);
  } finally {
    progress.stop();
  }
}
