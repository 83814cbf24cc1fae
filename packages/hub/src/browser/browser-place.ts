/** Where a browser's models of the hub come from and go to. */
import { browserCache, waited, type FileCache } from "@dynamo/core/url-files";
import type { HubAccess } from "../hub-access.js";
import type { HubOptions } from "../options.js";

/** Where a browser gets models of the hub from, and where it keeps them. */
export interface BrowserPlace {
  readonly access: HubAccess;
  /** Undefined where the browser has none. */
  readonly cache: FileCache | undefined;
  /** Only what is kept. */
  readonly offline: boolean;
  readonly onProgress: HubOptions["onProgress"];
}

/** A browser has no environment: what is left out has these defaults. */
export function browserPlace(
  { endpoint = "https://huggingface.co", token, fetch = globalThis.fetch, offline = false, onProgress }: HubOptions,
  signal: AbortSignal | undefined,
): BrowserPlace {
  const access: HubAccess = {
    ...{ endpoint: endpoint.replace(/\/+$/, ""), token, fetch: fetch.bind(globalThis), signal, redirect: "follow" },
    wait: waited,
  };
  return { access, cache: browserCache(), offline, onProgress };
}
