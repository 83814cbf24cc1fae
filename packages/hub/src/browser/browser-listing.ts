/** What the hub says of a model, or said when it was last asked. */
import { DynamoError } from "@dynamo/core";
import type { HubId } from "../hub-id.js";
import { fetchListing, listingJson, parseListing, type HubListing } from "../listing.js";
import type { BrowserPlace } from "./browser-place.js";
import { keepFile, keptAddress, keptFile } from "./kept-file.js";

/** Throws as `fetchListing`, and `not-found` for what is not kept when the hub is not asked. */
export async function browserListing(
  { id, revision }: HubId,
  { access, cache, offline }: BrowserPlace,
): Promise<HubListing> {
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
      `hf:${id} (${revision}) is not in the browser's cache, and the hub is not asked (offline)`,
    );
  }
  try {
    const listing = await fetchListing({ id, revision }, access);
    await keepFile(cache, address, "1", new TextEncoder().encode(JSON.stringify(listingJson(listing))));
    return listing;
  } catch (error) {
    // Without a network, what was said last counts.
    const unreachable = DynamoError.is(error) && (error.code === "runtime" || error.code === "busy");
    const found = unreachable ? await kept() : undefined;
    if (found === undefined) throw error;
    return found;
  }
}
