/** Models of the hub as folders on this machine's disk: downloaded, converted once, kept. Node only. */
import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DynamoError, type ModelFiles } from "@dynamo/core";
import {
  abortSignal,
  checkOptions,
  checkValue,
  members,
  oneOf,
  required,
  someText,
  type OptionChecks,
} from "@dynamo/core/options";
import { hubOptionChecks, type HubOptions } from "@dynamo/hub";
import { openHubRepository, type HubRepository } from "@dynamo/hub/node";
import { parseConfig } from "./architectures/config.js";
import { shardsOf } from "./checkpoint/tensor-index.js";
import { openCheckpoint } from "./checkpoint/checkpoint.js";
import { conversionVersion } from "./checkpoint/conversion.js";
import { writeModelFolder } from "./convert/write-model-folder.js";
import { parseJson } from "./folder/files.js";
import { dtypeCheck, graphPath, limits } from "./folder/model-folder.js";
import type { ModelDType } from "./graph/weights.js";
import type { SourceOptions } from "./folder/source-options.js";
import { nodeFolder } from "./node-folder.js";
import {
  checkpointFiles,
  hasSafetensors,
  isModelFolder,
  medusaFiles,
  textFiles,
  modelFolderFiles,
  shardIndex,
} from "./hub/needed-files.js";

/** 8 bits lose next to nothing, and every device runs them well. */
const usualDType = "q8";

/** Options of a model of the hub as a folder on the disk. */
export interface HubFolderOptions {
  /**
   * A model folder to load, the checkpoint that it would be made from, what the repository is, Medusa heads, or only tokenizer, config
   * and card.
   */
  readonly as: "model" | "checkpoint" | "either" | "medusa" | "texts";
  /** Default: q8, or what the repository has. */
  readonly dtype?: ModelDType | undefined;
  readonly hub?: HubOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A folder, and where it comes from. */
export interface HubFolder {
  readonly folder: string;
  readonly id: string;
  readonly commit: string;
  readonly license: string | undefined;
  /** Of a model folder. */
  readonly dtype: ModelDType | undefined;
}

const folderChecks: OptionChecks<HubFolderOptions> = {
  as: required(oneOf("model", "checkpoint", "either", "medusa", "texts")),
  dtype: dtypeCheck,
  hub: members(hubOptionChecks),
  signal: abortSignal,
};

/** `source`: hf:owner/name[@revision]. Throws as `openHubRepository` and `convertCheckpoint` do. */
export async function hubFolder(source: string, options: HubFolderOptions): Promise<HubFolder> {
  checkValue("source", source, someText);
  checkOptions("hubFolder()", options, folderChecks);
  const { as, dtype, hub = {}, signal } = options;
  const repository = await openHubRepository(source, { ...hub, signal });
  const { id, commit, license } = repository;
  const found = (folder: string, found: ModelDType | undefined): HubFolder => ({
    ...{ folder, id, commit, license, dtype: found },
  });
  const made = placeOf(repository, dtype ?? usualDType);
  if (as === "model" && (await isThere(made))) return found(made, dtype ?? usualDType);
  return repository.exclusively(async () => {
    const location = `hf:${id}`;
    const paths = new Set(repository.files.map(({ path }) => path));
    if (as === "texts") return found(await repository.download(textFiles(paths)), undefined);
    if (as === "medusa")
      return found(await repository.download(await neededPaths(medusaFiles, repository, paths, location)), undefined);
    const config = await readConfig(repository, paths, location);
    if (isModelFolder(config, paths) && !asksForWeights(options, paths)) {
      if (as === "checkpoint") {
        throw new DynamoError("unsupported", `${location} is a model folder: expected a checkpoint, with safetensors`);
      }
      const needed = modelFolderFiles(location, paths, dtype);
      return found(await repository.download(needed.files), needed.dtype);
    }
    // A family that is unknown here is refused before gigabytes are downloaded for nothing.
    parseConfig(config);
    const checkpoint = await repository.download(await neededPaths(checkpointFiles, repository, paths, location));
    if (as !== "model") return found(checkpoint, undefined);
    await convert(repository, checkpoint, { ...options, dtype: dtype ?? usualDType });
    return found(made, dtype ?? usualDType);
  });
}

/** As `hubFolder`; the caller closes them. */
export async function hubFiles(source: string, { as, dtype, hub, signal }: SourceOptions): Promise<ModelFiles> {
  return nodeFolder((await hubFolder(source, { as, dtype, hub, signal })).folder);
}

/** A folder may have the checkpoint beside its graphs: it brings the dtypes that they lack. */
const asksForWeights = ({ as, dtype }: HubFolderOptions, paths: ReadonlySet<string>): boolean =>
  hasSafetensors(paths) && (as === "checkpoint" || (dtype !== undefined && !paths.has(graphPath(dtype))));

const placeOf = (repository: HubRepository, dtype: ModelDType): string =>
  repository.made(`${dtype}-${conversionVersion}`);

const isThere = async (folder: string): Promise<boolean> =>
  (await stat(join(folder, "config.json")).catch(() => undefined)) !== undefined;

async function readConfig(repository: HubRepository, paths: ReadonlySet<string>, location: string): Promise<unknown> {
  if (!paths.has("config.json")) {
    throw new DynamoError(
      "not-found",
      `${location} has no config.json: expected a language model as transformers saves it`,
    );
  }
  return parseJson(await repository.read("config.json", limits.json), location, "config.json");
}

async function neededPaths(
  filesOf: typeof checkpointFiles,
  repository: HubRepository,
  paths: ReadonlySet<string>,
  location: string,
): Promise<readonly string[]> {
  const sharded = !paths.has("model.safetensors") && paths.has(shardIndex);
  const json = sharded ? parseJson(await repository.read(shardIndex, limits.json), location, shardIndex) : undefined;
  return filesOf(location, paths, json === undefined ? undefined : shardsOf(json, location));
}

async function convert(
  repository: HubRepository,
  checkpoint: string,
  { dtype, hub, signal }: { readonly dtype: ModelDType } & Pick<HubFolderOptions, "hub" | "signal">,
): Promise<void> {
  const place = placeOf(repository, dtype);
  // Another process has made it while this one waited.
  if (await isThere(place)) return;
  await removeRubbish(place);
  const open = await openCheckpoint(nodeFolder(checkpoint));
  try {
    await writeModelFolder({ checkpoint: open, warnings: [] }, place, {
      ...{ dtypes: [dtype], activations: "int8", seed: 0, overwrite: false },
      base: { id: repository.id, revision: repository.commit, license: repository.license },
      onProgress: (loaded, total) => hub?.onProgress?.({ stage: "converting", loaded, total }),
      signal,
    });
  } finally {
    await open.close();
  }
}

/** What a killed conversion has left: nobody writes it any more, as only one at a time works on a model. */
async function removeRubbish(place: string): Promise<void> {
  for (const name of await readdir(dirname(place)).catch(() => [])) {
    if (name.startsWith(`.${basename(place)}.partial-`)) await rm(join(dirname(place), name), { recursive: true });
  }
}
