/**
 * Takes node-hub.ts's place in browsers (package.json, "browser"): a model's files come through the browser's cache. A checkpoint is
 * converted in memory, tensor by tensor, and the graph is kept in the cache.
 */
import { DynamoError, type DeviceChoice, type ModelFiles } from "@dynamo/core";
import { browserCache, cachedUrlFiles, type FileCache } from "@dynamo/core/url-files";
import {
  fetchListing,
  fileAddress,
  parseHubId,
  parseListing,
  statusError,
  listingJson,
  type HubAccess,
  type HubId,
  type HubListing,
  type HubOptions,
} from "@dynamo/hub";
import { parseConfig } from "./architectures/config.js";
import { conversionVersion } from "./checkpoint/conversion.js";
import { shardsOf } from "./checkpoint/tensor-index.js";
import { parseJson } from "./folder/files.js";
import { graphPath, limits, preferredDTypes } from "./folder/model-folder.js";
import type { SourceOptions } from "./folder/source-options.js";
import type { ModelDType } from "./graph/precision.js";
import { convertFiles } from "./hub/convert-files.js";
import { inMemory, withFiles, type MadeFile } from "./hub/made-files.js";
import { keepFile, keptAddress, keptFile } from "./hub/kept-in-browser.js";
import { checkpointFiles, isModelFolder, modelFolderFiles, shardIndex } from "./hub/needed-files.js";

/** The files of a model folder of the hub, or a checkpoint's with a graph made of them. */
export async function hubFiles(source: string, options: SourceOptions): Promise<ModelFiles> {
  const { as, dtype, hub = {}, signal } = options;
  const name = parseHubId(source);
  const cache = browserCache();
  const access = accessOf(hub, signal);
  const listing = await listingOf(name, { cache, access, offline: hub.offline === true });
  const paths = new Set(listing.files.map(({ path }) => path));
  const location = `hf:${listing.id}`;
  const filesOf = (names: readonly string[]): ModelFiles => remoteFiles(names, { listing, access, cache, hub });
  const readJson = async (path: string): Promise<unknown> =>
    parseJson(await filesOf([path]).read(path, limits.json), location, path);
  if (!paths.has("config.json")) throw new DynamoError("not-found", `${location} has no config.json`);
  const config = await readJson("config.json");
  if (isModelFolder(config, paths)) return filesOf(modelFolderFiles(location, paths, dtype).files);
  parseConfig(config);
  const shards = paths.has(shardIndex) ? shardsOf(await readJson(shardIndex), location) : undefined;
  const files = filesOf(checkpointFiles(location, paths, shards));
  if (as !== "model" || options.device === undefined) return files;
  const device = await options.device();
  const chosen = dtype ?? preferredDTypes(device)[0] ?? "q8";
  return withFiles(files, await madeFiles(files, { listing, cache, hub, dtype: chosen, device, signal }));
}

function accessOf(hub: HubOptions, signal: AbortSignal | undefined): HubAccess {
  return {
    endpoint: (hub.endpoint ?? "https://huggingface.co").replace(/\/+$/, ""),
    token: hub.token,
    fetch: (hub.fetch ?? globalThis.fetch).bind(globalThis),
    signal,
    redirect: "follow",
    wait: (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
  };
}

interface Place {
  readonly cache: FileCache | undefined;
  readonly access: HubAccess;
  readonly offline: boolean;
}

/** Without a network, what was said last counts. */
async function listingOf({ id, revision }: HubId, { cache, access, offline }: Place): Promise<HubListing> {
  const address = keptAddress("listing", id, revision);
  const kept = async (): Promise<HubListing | undefined> => {
    const file = await keptFile(cache, address, "1");
    return file && parseListing(id, JSON.parse(new TextDecoder().decode(await file.read(0, file.size))), address);
  };
  if (offline) {
    const found = await kept();
    if (found !== undefined) return found;
    throw new DynamoError(
      "not-found",
      `hf:${id} (${revision}) is not in the browser's cache, and the hub is not asked`,
    );
  }
  try {
    const listing = await fetchListing({ id, revision }, access);
    await keepFile(cache, address, "1", new TextEncoder().encode(JSON.stringify(listingJson(listing))));
    return listing;
  } catch (error) {
    const unreachable = DynamoError.is(error) && (error.code === "runtime" || error.code === "busy");
    const found = unreachable ? await kept() : undefined;
    if (found === undefined) throw error;
    return found;
  }
}

/** Statuses that files at web addresses know by themselves. */
const understood = [404, 410, 416];

interface RemoteOptions {
  readonly listing: HubListing;
  readonly access: HubAccess;
  readonly cache: FileCache | undefined;
  readonly hub: HubOptions;
}

function remoteFiles(names: readonly string[], { listing, access, cache, hub }: RemoteOptions): ModelFiles {
  const { endpoint, token, fetch, signal } = access;
  const addresses = Object.fromEntries(names.map((path) => [path, fileAddress(endpoint, listing, path)]));
  const loaded = new Map<string, number>();
  const total = listing.files.filter(({ path }) => path in addresses).reduce((sum, { size }) => sum + size, 0);
  // Browsers take the token off where the hub redirects to another origin.
  const authorisation = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const asked: typeof fetch = async (input, init) => {
    const response = await fetch(input, { ...init, headers: { ...(init?.headers as object), ...authorisation } });
    if (response.ok || understood.includes(response.status)) return response;
    const { origin, pathname } = new URL(response.url);
    const trusted = origin === new URL(endpoint).origin;
    throw statusError(response, { address: `${origin}${pathname}`, token: token !== undefined, trusted });
  };
  return cachedUrlFiles(addresses, cache, {
    fetch: asked,
    signal,
    onProgress(progress) {
      loaded.set(progress.file, progress.loaded);
      const sum = [...loaded.values()].reduce((a, b) => a + b, 0);
      hub.onProgress?.({ stage: "downloading", loaded: sum, total });
    },
  });
}

interface Making extends Omit<RemoteOptions, "access"> {
  readonly dtype: ModelDType;
  readonly device: DeviceChoice;
  readonly signal: AbortSignal | undefined;
}

/** The graph and its weights: kept ones, or made now and kept where there is room. */
async function madeFiles(
  files: ModelFiles,
  { listing, cache, hub, dtype, device, signal }: Making,
): Promise<ReadonlyMap<string, MadeFile>> {
  const path = graphPath(dtype);
  const addressOf = (name: string): string => keptAddress("made", listing.id, listing.commit, name);
  const [graph, data] = [
    await keptFile(cache, addressOf(path), conversionVersion),
    await keptFile(cache, addressOf(`${path}_data`), conversionVersion),
  ];
  if (graph !== undefined && data !== undefined) {
    return new Map([
      [path, graph],
      [`${path}_data`, data],
    ]);
  }
  const onProgress = (loaded: number, total: number): void => hub.onProgress?.({ stage: "converting", loaded, total });
  const made = await convertFiles(files, { dtype, device, onProgress, signal });
  for (const [name, bytes] of made) await keepFile(cache, addressOf(name), conversionVersion, bytes);
  return new Map([...made].map(([name, bytes]) => [name, inMemory(bytes)]));
}
