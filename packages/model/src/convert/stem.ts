/** Checkpoint → the stem's graph in a folder, its weights streamed into a file that is mapped, not read, when it is loaded. */
import { join } from "node:path";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  oneOf,
  required,
  type OptionChecks,
} from "@dynamo/core/options";
import { weightBytes } from "@dynamo/onnx";
import { folderCheck, sourceCheck } from "../arguments.js";
import { writeFolderAtomically } from "./atomic-folder.js";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { writeGraph } from "./graph-file.js";
import type { ModelFiles } from "@dynamo/core";
import { openSource } from "../folder/source.js";
import { buildStemGraph } from "../graph/stem-graph.js";
import type { Precision } from "../graph/weights.js";

/** Options of `convertStem`. */
export interface StemOptions {
  readonly dtype: "fp32" | "q8" | "q4";
  /** Of quantised products; see `convertCheckpoint`. */
  readonly activations?: Precision["activations"] | undefined;
  /** Bytes of weights written. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const stemChecks: OptionChecks<StemOptions> = {
  dtype: required(oneOf("fp32", "q8", "q4")),
  activations: oneOf("int8", "fp32"),
  onProgress: callback(),
  signal: abortSignal,
};

/** The graph inside the folder that `writeStem` makes. */
export const stemGraphFile = "stem.onnx";

/**
 * Writes (or replaces) the folder `target` with the stem of a checkpoint, and returns the bytes of its weights. Memory: the
 * largest tensor, a few times over. The same checkpoint and options give the same bytes.
 */
export async function writeStem(source: string | ModelFiles, target: string, options: StemOptions): Promise<number> {
  checkValue("source", source, sourceCheck);
  checkValue("target", target, folderCheck);
  checkOptions("writeStem()", options, stemChecks);
  const { dtype, activations = "int8", onProgress, signal } = options;
  const checkpoint = await openCheckpoint(await openSource(source, { as: "checkpoint", signal }));
  try {
    const model = buildStemGraph(checkpoint.config, { dtype, activations }, (name) => checkpoint.read(name));
    await writeFolderAtomically(
      target,
      (folder) => writeGraph(model, join(folder, stemGraphFile), { external: true, onProgress, signal }),
      { overwrite: true, marker: stemGraphFile },
    );
    return weightBytes(model.graph);
  } finally {
    await checkpoint.close();
  }
}
