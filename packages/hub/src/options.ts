/** How models of the hub are fetched and kept. */
import { callback, flag, someText, type OptionChecks } from "@dynamo/core/options";

/** How far a download is: of all files together. */
export interface HubProgress {
  /** `waiting`: another process downloads or converts the same model. */
  readonly stage: "waiting" | "downloading" | "converting";
  readonly loaded: number;
  readonly total: number;
}

/** How models of the hub are fetched and kept. What is left out comes from the environment, as huggingface_hub reads it. */
export interface HubOptions {
  /** Default: HF_TOKEN, or the file of `hf auth login`. */
  readonly token?: string | undefined;
  /** Default: HF_ENDPOINT, or https://huggingface.co. */
  readonly endpoint?: string | undefined;
  /** The folder that keeps models. Default: DYNAMO_HUB_CACHE, $HF_HOME/dynamo, or dynamo/hub in the user's cache folder. */
  readonly cache?: string | undefined;
  /** Only what is kept; nothing is asked of the network. Default: HF_HUB_OFFLINE. */
  readonly offline?: boolean | undefined;
  readonly onProgress?: ((progress: HubProgress) => void) | undefined;
  /** For proxies; default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** What the options must be. */
export const hubOptionChecks: OptionChecks<HubOptions> = {
  token: someText,
  endpoint: someText,
  cache: someText,
  offline: flag,
  onProgress: callback(),
  fetch: callback<typeof globalThis.fetch>(),
};
