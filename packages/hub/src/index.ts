/** @dynamo/hub: models of the Hugging Face Hub, by name. What it keeps on a disk: @dynamo/hub/node. */
export { isHubAddress, looksLikeHubId, parseHubId } from "./hub-id.js";
export type { HubId } from "./hub-id.js";
export type { HubAccess } from "./hub-access.js";
export { fetchListing, fileAddress, listingJson, parseListing } from "./listing.js";
export type { FileHash, HubFile, HubListing } from "./listing.js";
export { statusError } from "./status-error.js";
export { hubOptionChecks } from "./options.js";
export type { HubOptions, HubProgress } from "./options.js";
