/** A model of the hub on this machine's disk: what is needed of it is downloaded once, by one process at a time. */

import { readFile, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DynamoError, sizeText, throwIfAborted } from "@dynamo/core";
import { abortSignal, checkOptions, checkValue, someText, type OptionChecks } from "@dynamo/core/options";
import { atOnce, filesAtOnce } from "../at-once.js";
import type { HubAccess } from "../hub-access.js";
import { parseHubId, type HubId } from "../hub-id.js";
import { hubOptionChecks, type HubOptions } from "../options.js";
import { totalProgress } from "../total-progress.js";
import { fetchListing, fileAddress, type HubFile, type HubListing } from "../listing.js";
import { cacheEntry, keepListing, keptListing, type CacheEntry } from "./cache-entry.js";
import { downloadToDisk } from "./disk-file.js";
import { withProcessLock } from "./process-lock.js";
import { hubSettings } from "./settings.js";

/** A model at one commit, and what can be had of it. */
export interface HubRepository {
  readonly id: string;
  readonly commit: string;
  readonly license: string | undefined;
  readonly files: readonly HubFile[];
  /** The folder of downloaded files, by their own paths. What is there is whole and verified. */
  readonly folder: string;
  /** A folder for what is made of this commit; it exists only when somebody has made it. */
  made(name: string): string;
  /** Runs `work` while no other process works on this model. */
  exclusively<Value>(work: () => Promise<Value>): Promise<Value>;
  /** Downloads what is missing of these files; only within `exclusively`. Returns `folder`. */
  download(paths: readonly string[]): Promise<string>;
  /** One small file; only within `exclusively`. Throws `not-found`, and `invalid-file` above `limit` bytes. */
  read(path: string, limit: number): Promise<Uint8Array>;
}

const openChecks: OptionChecks<HubOptions & { readonly signal?: AbortSignal | undefined }> = {
  ...hubOptionChecks,
  signal: abortSignal,
};

/**
 * Finds a model: asks the hub which commit its revision is, or what is kept where there is no network. Throws
 * `invalid-argument` for a name that is none, a token that is refused and conditions that were not accepted, `not-found` for
 * a model or revision that is not there (or not kept, offline), `busy` when the hub wants a pause, `runtime` when it cannot be
 * reached.
 */
export function openHubRepository(
  source: string,
  options: HubOptions & { readonly signal?: AbortSignal | undefined } = {},
): Promise<HubRepository> {
  return openWith(wait, source, options);
}

/** With pauses of the caller's own, for tests. */
export async function openWith(
  wait: HubAccess["wait"],
  source: string,
  options: HubOptions & { readonly signal?: AbortSignal | undefined },
): Promise<HubRepository> {
  checkValue("source", source, someText);
  checkOptions("openHubRepository()", options, openChecks);
  const name = parseHubId(source);
  const { endpoint, token, cache, offline } = await hubSettings(options);
  const { signal, fetch = globalThis.fetch, onProgress } = options;
  throwIfAborted(signal);
  const entry = cacheEntry(cache, name.id);
  const access: HubAccess = { endpoint, token, fetch, signal, redirect: "manual", wait };
  const listing = await listingOf(name, { entry, access, offline });
  return repository(listing, { entry, access, offline, onProgress });
}

const wait = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  delay(milliseconds, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);

interface Place {
  readonly entry: CacheEntry;
  readonly access: HubAccess;
  readonly offline: boolean;
  readonly onProgress?: HubOptions["onProgress"];
}

async function listingOf(name: HubId, { entry, access, offline }: Place): Promise<HubListing> {
  const kept = await keptListing(entry, name);
  // A commit stays what it is.
  if (kept !== undefined && (offline || kept.commit === name.revision)) return kept;
  if (offline) throw notKept(name, entry);
  try {
    const listing = await fetchListing(name, access);
    await keepListing(entry, name, listing);
    return listing;
  } catch (error) {
    // Without a network, what is kept counts.
    const unreachable = DynamoError.is(error) && (error.code === "runtime" || error.code === "busy");
    if (kept === undefined || !unreachable) throw error;
    return kept;
  }
}

const notKept = ({ id, revision }: HubId, entry: CacheEntry): DynamoError =>
  new DynamoError(
    "not-found",
    `${id} (${revision}) is not in the cache ${entry.folder}, and the hub is not asked (offline): load it once with a network`,
  );

function repository(listing: HubListing, place: Place): HubRepository {
  const { entry, access, offline, onProgress } = place;
  const { signal } = access;
  const folder = join(entry.snapshots, listing.commit);
  const local = (path: string): string => join(folder, ...path.split("/"));
  const find = (path: string): HubFile => {
    const file = listing.files.find((each) => each.path === path);
    if (file === undefined) throw new DynamoError("not-found", `hf:${listing.id} has no file ${path}`);
    return file;
  };

  async function fetchFiles(paths: readonly string[], report: HubOptions["onProgress"]): Promise<void> {
    const files = paths.map(find);
    const missing: HubFile[] = [];
    for (const file of files) if (!(await isThere(local(file.path), file.size))) missing.push(file);
    if (missing.length === 0) return;
    if (offline) {
      const names = missing.map(({ path }) => path).join(", ");
      throw new DynamoError(
        "not-found",
        `hf:${listing.id}: ${names} not in the cache, and the hub is not asked (offline)`,
      );
    }
    const progress = totalProgress(files, missing, report);
    await checkSpace(missing, entry);
    await atOnce(filesAtOnce, missing, signal, async (file, stop) => {
      await downloadToDisk({
        file,
        address: fileAddress(access.endpoint, listing, file.path),
        target: local(file.path),
        partial: join(entry.partial, file.hash.hex),
        access: { ...access, signal: stop },
        onBytes: (bytes) => {
          progress(file, bytes);
        },
      });
    });
  }

  return {
    ...{ id: listing.id, commit: listing.commit, license: listing.license, files: listing.files, folder },
    made: (name) => join(entry.made, `${listing.commit}-${name}`),
    exclusively: (work) =>
      withProcessLock(
        entry.lock,
        { signal, onWait: () => onProgress?.({ stage: "waiting", loaded: 0, total: 0 }) },
        work,
      ),
    async download(paths) {
      await fetchFiles(paths, onProgress);
      return folder;
    },
    async read(path, limit) {
      const { size } = find(path);
      if (size > limit) {
        throw new DynamoError(
          "invalid-file",
          `hf:${listing.id}: ${path}: expected at most ${limit} bytes, received ${size}`,
        );
      }
      await fetchFiles([path], undefined);
      return readFile(local(path));
    },
  };
}

const isThere = async (path: string, size: number): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.size === size;

/** Before gigabytes are downloaded for nothing. */
async function checkSpace(missing: readonly HubFile[], entry: CacheEntry): Promise<void> {
  let needed = 0;
  for (const { size, hash } of missing) {
    needed += size - ((await stat(join(entry.partial, hash.hex)).catch(() => undefined))?.size ?? 0);
  }
  const disk = await statfs(entry.folder).catch(() => undefined);
  if (disk === undefined || disk.bavail * disk.bsize >= needed) return;
  throw new DynamoError(
    "runtime",
    `${entry.folder}: the disk has ${sizeText(disk.bavail * disk.bsize)} free, the download needs ${sizeText(needed)}: make room, or choose another cache folder (DYNAMO_HUB_CACHE)`,
  );
}
