/** Checkpoint → model folder: streamed, atomic, cancellable. Node only. */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import {
  abortSignal,
  callback,
  checkOptions,
  checkValue,
  either,
  flag,
  listOf,
  members,
  oneOf,
  someText,
  type OptionChecks,
} from "@dynamo/core/options";
import { hubOptionChecks, type HubOptions } from "@dynamo/hub";
import { folderCheck, seedCheck, sourceCheck, tokenHeadsCheck } from "../arguments.js";
import type { BaseModel } from "./card.js";
import { openCheckpoint } from "../checkpoint/checkpoint.js";
import { writeModelFolder, type ConversionReport } from "./write-model-folder.js";
import { withMedusaHeads, type WithHeads } from "../checkpoint/medusa/with-medusa-heads.js";
import { aboutModule } from "../checkpoint/mtp/left-out.js";
import { withMtpHeads } from "../checkpoint/mtp/with-mtp-heads.js";
import { dtypeCheck } from "../folder/model-folder.js";
import { openSource } from "../folder/source.js";
import type { SourceOptions } from "../folder/source-options.js";
import type { ModelDType, Precision } from "../graph/weights.js";

/** Options of `convertCheckpoint`. */
export interface ConvertOptions {
  /** N, 1 to 4; default: the checkpoint's own. Missing heads are initialised from `seed`, surplus ones left out. */
  readonly tokenHeads?: number | undefined;
  /** A folder of Medusa heads for the checkpoint, which must have no token heads of its own: they become heads 2 and up. */
  readonly medusa?: string | ModelFiles | undefined;
  /**
   * Take the multi-token-prediction module along that lies in the checkpoint: it makes heads 2 and up. Default false; with `if-there`
   * a checkpoint without one has no more heads than it has.
   */
  readonly mtp?: boolean | "if-there" | undefined;
  readonly dtypes?: readonly ModelDType[];
  /** How quantised products are computed: int8 is quickest on a CPU, fp32 agrees on every device to about 1e-6. */
  readonly activations?: Precision["activations"] | undefined;
  readonly seed?: number | undefined;
  readonly overwrite?: boolean;
  /** For the folder's card; what is left out comes from the checkpoint's own card. */
  readonly base?: BaseModel | undefined;
  /** How a checkpoint of the hub is fetched. */
  readonly hub?: HubOptions | undefined;
  /** Bytes of weights written, of all dtypes together. */
  readonly onProgress?: (done: number, total: number, what: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const convertChecks: OptionChecks<ConvertOptions> = {
  tokenHeads: tokenHeadsCheck,
  medusa: sourceCheck,
  mtp: either(flag, oneOf("if-there")),
  dtypes: listOf(dtypeCheck, `a list of dtypes, each ${dtypeCheck.expected}`),
  activations: oneOf("int8", "fp32"),
  seed: seedCheck,
  overwrite: flag,
  base: members<BaseModel>({ id: someText, revision: someText, license: someText }),
  hub: members(hubOptionChecks),
  onProgress: callback(),
  signal: abortSignal,
};

/**
 * Writes the model folder `target` from a checkpoint of a base or DynaMo model, of any family. Memory: the largest (fused) tensor, a few
 * times over. Nothing is left at `target` when it fails or is stopped.
 */
export async function convertCheckpoint(
  source: string | ModelFiles,
  target: string,
  options: ConvertOptions = {},
): Promise<ConversionReport> {
  checkValue("source", source, sourceCheck);
  checkValue("target", target, folderCheck);
  checkOptions("convertCheckpoint()", options, convertChecks);
  const { dtypes = ["fp32"], activations = "int8", seed = 0, overwrite = false } = options;
  const { tokenHeads, base, onProgress, signal } = options;
  if (dtypes.length === 0)
    throw new DynamoError("invalid-argument", "name at least one dtype: fp32, fp16, q8, q4, int8");
  const sourceOptions: SourceOptions = { as: "checkpoint", hub: options.hub, signal };
  const withHeads = await openWithHeads(source, options, sourceOptions);
  try {
    const settings = { tokenHeads, dtypes, activations, seed, overwrite, base, onProgress, signal };
    return await writeModelFolder(withHeads, target, settings);
  } finally {
    await withHeads.checkpoint.close();
  }
}

/** The checkpoint with the heads that other projects have trained for it. */
async function openWithHeads(
  source: string | ModelFiles,
  { medusa, mtp = false }: Pick<ConvertOptions, "medusa" | "mtp">,
  options: SourceOptions,
): Promise<WithHeads> {
  if (medusa !== undefined && mtp === true)
    throw new DynamoError("invalid-argument", "expected medusa or mtp, received both: a model has heads of one kind");
  const checkpoint = await openCheckpoint(await openSource(source, options));
  try {
    if (medusa !== undefined)
      return await withMedusaHeads(checkpoint, await openSource(medusa, { ...options, as: "medusa" }));
    const left = await aboutModule(checkpoint.files, checkpoint.config);
    if (mtp === true || (mtp === "if-there" && left.length > 0))
      return { checkpoint: await withMtpHeads(checkpoint), warnings: [] };
    return { checkpoint, warnings: left };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}
