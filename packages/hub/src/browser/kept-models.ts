/** What the browser keeps of the hub's models: listed with sizes, removed. */
import { browserCache } from "@dynamo/core/url-files";
import { parseWholeModel } from "../hub-id.js";
import { exclusively } from "./exclusively.js";
import { keptNames } from "./kept-file.js";

/** A model that the browser's cache has something of. */
export interface BrowserModel {
  readonly id: string;
  /** Branches, tags and commits that were asked for. */
  readonly revisions: readonly string[];
  /** Bytes of downloaded files, those of unfinished downloads included. */
  readonly downloaded: number;
  /** Bytes of graphs made of them. */
  readonly made: number;
}

/** By their ids, in the alphabet's order; none where the browser has no cache. */
export async function browserModels(): Promise<readonly BrowserModel[]> {
  const models = new Map<string, BrowserModel>();
  for (const { address, bytes } of (await browserCache()?.addresses()) ?? []) {
    const [kind, id, name] = keptNames(address) ?? [];
    if (id === undefined) continue;
    const before = models.get(id) ?? { id, revisions: [], downloaded: 0, made: 0 };
    models.set(id, {
      id,
      revisions: kind === "listing" && name !== undefined ? [...before.revisions, name].sort() : before.revisions,
      downloaded: before.downloaded + (kind === "files" ? bytes : 0),
      made: before.made + (kind === "made" ? bytes : 0),
    });
  }
  return [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Removes all that is kept of a model, `owner/name`, waiting for a tab that works on it; its bytes, 0 where nothing was. Throws
 * `invalid-argument` for a name that is none.
 */
export async function removeBrowserModel(source: string): Promise<number> {
  const id = parseWholeModel(source);
  return exclusively(id, { signal: undefined, onWait: () => undefined }, async () => {
    const cache = browserCache();
    let removed = 0;
    for (const { address, bytes } of (await cache?.addresses()) ?? []) {
      if (keptNames(address)?.[1] !== id) continue;
      await cache?.remove(address);
      removed += bytes;
    }
    return removed;
  });
}
