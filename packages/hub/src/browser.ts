/** @dynamo/hub/browser: models of the hub in a browser's cache, shared by all tabs of an origin. */
export { browserListing } from "./browser/browser-listing.js";
export { browserPlace } from "./browser/browser-place.js";
export type { BrowserPlace } from "./browser/browser-place.js";
export { exclusively } from "./browser/exclusively.js";
export { keepFile, keptAddress, keptFile } from "./browser/kept-file.js";
export type { KeptKind, WholeFile } from "./browser/kept-file.js";
export { browserModels, removeBrowserModel } from "./browser/kept-models.js";
export type { BrowserModel } from "./browser/kept-models.js";
export { listedFiles } from "./browser/listed-files.js";
export type { ListedFiles } from "./browser/listed-files.js";
