/**
 * A model's place in the cache:
 *   owner--name/listings/<revision>.json   what the hub said of a revision when it was last asked
 *   owner--name/snapshots/<commit>/…       downloaded files, whole and verified
 *   owner--name/made/<commit>-<name>/      what was made of them, such as a conversion
 *   owner--name/partial/<hash>             what a download that goes on later has of a file
 *   .locks/owner--name                     whose turn it is
 */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { HubId } from "../hub-id.js";
import { listingJson, parseListing, type HubListing } from "../listing.js";
import { diskError } from "./disk-error.js";

export interface CacheEntry {
  readonly folder: string;
  readonly listings: string;
  readonly snapshots: string;
  readonly made: string;
  readonly partial: string;
  readonly lock: string;
}

/** Ids cannot have `--` of their own. */
const separator = "--";
export const entryName = (id: string): string => id.replace("/", separator);
export const idOfEntry = (name: string): string => name.replace(separator, "/");

export function cacheEntry(cache: string, id: string): CacheEntry {
  const folder = join(cache, entryName(id));
  return {
    folder,
    listings: join(folder, "listings"),
    snapshots: join(folder, "snapshots"),
    made: join(folder, "made"),
    partial: join(folder, "partial"),
    lock: join(cache, ".locks", entryName(id)),
  };
}

const listingPath = ({ listings }: CacheEntry, revision: string): string =>
  join(listings, `${encodeURIComponent(revision)}.json`);

export const revisionOfListing = (file: string): string => decodeURIComponent(file.replace(/\.json$/, ""));

/** What was kept and cannot be read is as good as nothing: the hub is asked again. */
export async function keptListing(entry: CacheEntry, { id, revision }: HubId): Promise<HubListing | undefined> {
  const path = listingPath(entry, revision);
  try {
    return parseListing(id, JSON.parse(await readFile(path, "utf8")), path);
  } catch {
    return undefined;
  }
}

/** Also under the commit, so that it is found by its commit later. */
export async function keepListing(entry: CacheEntry, { revision }: HubId, listing: HubListing): Promise<void> {
  const content = JSON.stringify(listingJson(listing));
  await mkdir(entry.listings, { recursive: true }).catch((error: unknown) => {
    throw diskError(error, entry.listings);
  });
  for (const name of new Set([revision, listing.commit])) await replace(listingPath(entry, name), content);
}

/** Several processes may do this at once: each has a file of its own until it is whole. */
async function replace(path: string, content: string): Promise<void> {
  const own = `${path}.${randomUUID()}`;
  try {
    await writeFile(own, content);
    await rename(own, path);
  } catch (error) {
    await rm(own, { force: true }).catch(() => undefined);
    throw diskError(error, path);
  }
}
