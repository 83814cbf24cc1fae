/**
 * The model argument: a model folder, a checkpoint folder (converted on the fly), a model of the hub (converted once and kept), or
 * nothing for the embedded model.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import { loadModel, type LoadedModel } from "@dynamo/model";
import type { ConvertOptions } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { localFolder } from "./hub-place.js";
import { paintError } from "./paint.js";
import type { ModelOptions } from "./schemas/common.js";

export interface OpenModel {
  readonly model: LoadedModel;
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** Where a checkpoint's further heads come from. */
export type HeadSources = Pick<ConvertOptions, "medusa" | "mtp">;

/** The caller closes what it gets. */
export async function openModel(
  folder: string | undefined,
  options: ModelOptions,
  signal: AbortSignal,
  heads: HeadSources = {},
): Promise<OpenModel> {
  const named = folder ?? (await import("@dynamo/stories")).modelPath;
  const place = await localFolder(named, { as: "model", dtype: options.dtype }, signal);
  const converted = isCheckpoint(place) ? await convertForNow(place, options, heads, signal) : undefined;
  if (converted === undefined && heads.medusa !== undefined)
    throw new DynamoError("invalid-argument", `${named} is a model folder: expected a checkpoint for --medusa`);
  const runtime: Runtime = createNodeRuntime({
    ...(options.device === undefined ? {} : { device: options.device }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
  });
  const cleanUp = async (): Promise<void> => {
    await runtime.dispose();
    if (converted !== undefined) await rm(converted, { recursive: true, force: true });
  };
  try {
    const model = await loadModel(runtime, converted === undefined ? place : join(converted, "model"), {
      dtype: options.dtype,
      signal,
    });
    for (const each of model.warnings) console.error(paintError.yellow(`warning: ${each}`));
    return {
      model,
      name: folder ?? "the embedded model",
      close: async () => {
        await model.dispose();
        await cleanUp();
      },
    };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

export const isCheckpoint = (folder: string): boolean =>
  existsSync(join(folder, "config.json")) && !existsSync(join(folder, "onnx"));

async function convertForNow(
  folder: string,
  { dtype }: ModelOptions,
  heads: HeadSources,
  signal: AbortSignal,
): Promise<string> {
  const { convertCheckpoint } = await import("@dynamo/model/convert");
  const wanted = dtype ?? "fp32";
  console.error(
    `${folder} is a checkpoint: converting it to ${wanted} for this run (\`dynamo convert\` keeps the result)`,
  );
  const place = await mkdtemp(join(tmpdir(), "dynamo-"));
  try {
    await convertCheckpoint(folder, join(place, "model"), { ...heads, dtypes: [wanted], signal });
    return place;
  } catch (error) {
    await rm(place, { recursive: true, force: true });
    throw error;
  }
}
