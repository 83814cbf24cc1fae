/** What the cache keeps: listed with sizes, removed. */
import { randomUUID } from "node:crypto";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DynamoError } from "@dynamo/core";
import { checkOptions, checkValue, someText, type OptionChecks } from "@dynamo/core/options";
import { parseWholeModel } from "../hub-id.js";
import { cacheEntry, idOfEntry, keptListing, revisionOfListing, type CacheEntry } from "./cache-entry.js";
import { diskError } from "./disk-error.js";
import { withProcessLock } from "./process-lock.js";
import { cacheFolder } from "./settings.js";

/** A model that the cache has. */
export interface KeptModel {
  readonly id: string;
  readonly folder: string;
  readonly license: string | undefined;
  /** Branches and tags that were asked for, with the commit that they were. */
  readonly revisions: readonly { readonly revision: string; readonly commit: string }[];
  /** Bytes of downloaded files, those of unfinished downloads included. */
  readonly downloaded: number;
  /** Model folders made of them. */
  readonly made: readonly { readonly name: string; readonly folder: string; readonly bytes: number }[];
}

/** A model that the cache has, with its files. */
export interface KeptModelFiles extends KeptModel {
  /** Whole ones, downloaded and made, by their paths in the model's folder. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
}

/** Where the cache of models is. */
export interface CacheOptions {
  /** As in `HubOptions`. */
  readonly cache?: string | undefined;
}

const cacheChecks: OptionChecks<CacheOptions> = { cache: someText };

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** By their ids, in the alphabet's order. */
export async function keptModels(options: CacheOptions = {}): Promise<readonly KeptModel[]> {
  checkOptions("keptModels()", options, cacheChecks);
  const cache = options.cache ?? cacheFolder();
  const models: KeptModel[] = [];
  for (const name of (await namesIn(cache)).sort()) {
    if (name.startsWith(".")) continue;
    const model = await kept(cacheEntry(cache, idOfEntry(name)), idOfEntry(name));
    if (model !== undefined) models.push(model);
  }
  return models;
}

/** One model, with its files. Throws `not-found` when nothing of it is kept. */
export async function keptModel(source: string, options: CacheOptions = {}): Promise<KeptModelFiles> {
  checkValue("source", source, someText);
  checkOptions("keptModel()", options, cacheChecks);
  const { entry, model } = await findKept(source, options);
  const files = [
    ...(await filesIn(entry.snapshots)),
    ...(await Promise.all(model.made.map(({ folder }) => filesIn(folder)))).flat(),
  ];
  return { ...model, files: files.map(({ path, bytes }) => ({ path: relative(entry.folder, path), bytes })) };
}

async function findKept(source: string, options: CacheOptions): Promise<{ entry: CacheEntry; model: KeptModel }> {
  const cache = options.cache ?? cacheFolder();
  const id = parseWholeModel(source);
  const entry = cacheEntry(cache, id);
  const model = await kept(entry, id);
  if (model === undefined) throw new DynamoError("not-found", `${id} is not in the cache ${cache}`);
  return { entry, model };
}

async function kept(entry: CacheEntry, id: string): Promise<KeptModel | undefined> {
  const listings = (await namesIn(entry.listings)).filter((file) => file.endsWith(".json")).map(revisionOfListing);
  const found = await Promise.all(
    listings.map(async (revision) => ({ revision, listing: await keptListing(entry, { id, revision }) })),
  );
  if (found.length === 0) return undefined;
  const made = await Promise.all(
    (await namesIn(entry.made)).filter(isWhole).map(async (name) => {
      const folder = join(entry.made, name);
      return { name, folder, bytes: await bytesIn(folder) };
    }),
  );
  return {
    id,
    folder: entry.folder,
    license: found.find(({ listing }) => listing?.license !== undefined)?.listing?.license,
    revisions: found.flatMap(({ revision, listing }) =>
      listing === undefined || listing.commit === revision ? [] : [{ revision, commit: listing.commit }],
    ),
    downloaded: (await bytesIn(entry.snapshots)) + (await bytesIn(entry.partial)),
    made,
  };
}

/** Folders that are being written, or that a killed process left, begin with a dot. */
const isWhole = (name: string): boolean => !name.startsWith(".");

const bytesIn = async (folder: string): Promise<number> =>
  (await filesIn(folder)).reduce((sum, { bytes }) => sum + bytes, 0);

/** By their paths, in the alphabet's order; one that is removed just now is left out. */
async function filesIn(folder: string): Promise<{ path: string; bytes: number }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files: { path: string; bytes: number }[] = [];
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    const size = entry.isFile() ? (await stat(path).catch(() => undefined))?.size : undefined;
    if (size !== undefined) files.push({ path, bytes: size });
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Removes all that is kept of a model, waiting for a process that works on it. Throws `not-found` when nothing is. */
export async function removeKeptModel(source: string, options: CacheOptions = {}): Promise<KeptModel> {
  checkValue("source", source, someText);
  checkOptions("removeKeptModel()", options, cacheChecks);
  const { entry, model } = await findKept(source, options);
  await withProcessLock(entry.lock, { signal: undefined, onWait: () => undefined }, async () => {
    // At once out of sight, then file by file.
    const gone = join(dirname(entry.folder), `.removed-${randomUUID()}`);
    try {
      await rename(entry.folder, gone);
      await rm(gone, { recursive: true, force: true });
    } catch (error) {
      throw diskError(error, entry.folder);
    }
  });
  return model;
}
