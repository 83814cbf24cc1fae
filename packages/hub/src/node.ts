/** @dynamo/hub/node: models of the hub on a disk, shared by all processes of a user. */
export { openHubRepository } from "./node/repository.js";
export type { HubRepository } from "./node/repository.js";
export { keptModel, keptModels, removeKeptModel } from "./node/kept-models.js";
export type { CacheOptions, KeptModel, KeptModelFiles } from "./node/kept-models.js";
