/**
 * Takes node-hub.ts's place in browsers (package.json, "browser"): a model's files come through the browser's cache. A checkpoint is
 * downloaded, verified, and converted in memory, tensor by tensor; the graph is kept in the checkpoint's place.
 */
import { DynamoError, type ModelFiles } from "@dynamo/core";
import { parseHubId, type HubListing, type HubOptions } from "@dynamo/hub";
import {
  browserListing,
  browserPlace,
  exclusively,
  keepFile,
  keptAddress,
  keptFile,
  listedFiles,
  type BrowserPlace,
  type ListedFiles,
} from "@dynamo/hub/browser";
import { parseConfig } from "./architectures/config.js";
import { conversionVersion } from "./checkpoint/conversion.js";
import { shardsOf } from "./checkpoint/tensor-index.js";
import { parseJson } from "./folder/files.js";
import { graphPath, limits, preferredDTypes } from "./folder/model-folder.js";
import type { SourceOptions } from "./folder/source-options.js";
import type { Conversion } from "./hub/conversion.js";
import { inMemory, withFiles, type MadeFile } from "./hub/made-files.js";
import { checkpointFiles, isModelFolder, modelFolderFiles, shardIndex } from "./hub/needed-files.js";
import { prepareAside } from "./hub/prepare-in-worker.js";
import type { HubSource } from "./hub/prepare.js";

/** The files of a model folder of the hub, or a checkpoint's with a graph made of them. */
export async function hubFiles(source: string, options: SourceOptions): Promise<ModelFiles> {
  const { as, dtype, hub = {}, signal } = options;
  const name = parseHubId(source);
  const place = browserPlace(hub, signal);
  const listing = await browserListing(name, place);
  const paths = new Set(listing.files.map(({ path }) => path));
  const location = `hf:${listing.id}`;
  // These are small: what there is to see are the weights.
  const texts = listedFiles(listing, ["config.json", shardIndex], { ...place, onProgress: undefined });
  const readJson = async (path: string): Promise<unknown> =>
    parseJson(await texts.read(path, limits.json), location, path);
  if (!paths.has("config.json")) throw new DynamoError("not-found", `${location} has no config.json`);
  const config = await readJson("config.json");
  const task = { listing, place, hub, signal };
  if (isModelFolder(config, paths)) {
    const wanted = filesOf(task, modelFolderFiles(location, paths, dtype).files);
    if (as === "model") await exclusively(listing.id, waiting(task), () => prepared(wanted, undefined, task));
    return wanted.files;
  }
  parseConfig(config);
  const shards = paths.has(shardIndex) ? shardsOf(await readJson(shardIndex), location) : undefined;
  const wanted = filesOf(task, checkpointFiles(location, paths, shards));
  if (as !== "model" || options.device === undefined) return wanted.files;
  const device = await options.device();
  const conversion = { dtype: dtype ?? preferredDTypes(device)[0] ?? "q8", device };
  return withFiles(wanted.files, await madeFiles(wanted, conversion, task));
}

/** One call's work on one model. */
interface Task {
  readonly listing: HubListing;
  readonly place: BrowserPlace;
  readonly hub: HubOptions;
  readonly signal: AbortSignal | undefined;
}

interface Wanted {
  readonly names: readonly string[];
  readonly files: ListedFiles;
}

const filesOf = ({ listing, place }: Task, names: readonly string[]): Wanted => ({
  names,
  files: listedFiles(listing, names, place),
});

const waiting = ({ hub, signal }: Task): Parameters<typeof exclusively>[1] => ({
  signal,
  onWait: () => hub.onProgress?.({ stage: "waiting", loaded: 0, total: 0 }),
});

/** A `fetch` of the caller's own cannot go to another thread: downloads stay on this one then, and conversions do not. */
async function prepared(
  { names, files }: Wanted,
  conversion: Conversion | undefined,
  { listing, hub, signal }: Task,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const { endpoint, token, offline, onProgress } = hub;
  const source: HubSource = { listing, names, options: { endpoint, token, offline } };
  if (hub.fetch === undefined) return prepareAside(source, conversion, { onProgress, signal });
  const { checkConversion } = await import("./hub/converted-files.js");
  if (conversion !== undefined) await checkConversion(files, conversion);
  await files.download();
  return conversion === undefined ? new Map() : prepareAside(files, conversion, { onProgress, signal });
}

/** The graph and its weights: kept ones, or made now and kept where there is room. */
async function madeFiles(wanted: Wanted, conversion: Conversion, task: Task): Promise<ReadonlyMap<string, MadeFile>> {
  const { listing, place } = task;
  const path = graphPath(conversion.dtype);
  const addressOf = (name: string): string => keptAddress("made", listing.id, listing.commit, name);
  const kept = async (): Promise<ReadonlyMap<string, MadeFile> | undefined> => {
    const [graph, data] = [
      await keptFile(place.cache, addressOf(path), conversionVersion),
      await keptFile(place.cache, addressOf(`${path}_data`), conversionVersion),
    ];
    return (
      graph &&
      data &&
      new Map([
        [path, graph],
        [`${path}_data`, data],
      ])
    );
  };
  const keep = async (made: ReadonlyMap<string, Uint8Array>): Promise<boolean> => {
    // A cache that was full stays so for its owner.
    const { cache } = browserPlace(task.hub, task.signal);
    for (const [name, bytes] of made)
      if (!(await keepFile(cache, addressOf(name), conversionVersion, bytes))) return false;
    return true;
  };
  return (
    (await kept()) ??
    exclusively(listing.id, waiting(task), async () => {
      // Another tab has made it while this one waited.
      const found = await kept();
      if (found !== undefined) return found;
      const made = await prepared(wanted, conversion, task);
      const weights = wanted.names.filter((name) => name.endsWith(".safetensors"));
      // A tab has no room for both in the long run; where it has none even now, the checkpoint makes room.
      const whole = await keep(made);
      await wanted.files.forget(weights);
      if (!whole) await keep(made);
      return new Map([...made].map(([name, bytes]) => [name, inMemory(bytes)]));
    })
  );
}
