/** What is done before a model is loaded where there is no disk: its files are downloaded into the browser's cache, its checkpoint converted. */
import type { ModelFiles } from "@dynamo/core";
import type { HubListing, HubOptions } from "@dynamo/hub";
import type { ListedFiles } from "@dynamo/hub/browser";
import type { Conversion } from "./conversion.js";

/** Files of a model of the hub, as a message can have them. */
export interface HubSource {
  readonly listing: HubListing;
  readonly names: readonly string[];
  readonly options: Pick<HubOptions, "endpoint" | "token" | "offline">;
}

export interface PrepareOptions {
  readonly onProgress: HubOptions["onProgress"];
  readonly signal: AbortSignal | undefined;
}

/** On this thread. The files that were made, by their paths: none without a conversion. */
export async function prepare(
  source: ModelFiles | HubSource,
  conversion: Conversion | undefined,
  { onProgress, signal }: PrepareOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const listed = "listing" in source ? await filesOf(source, { onProgress, signal }) : undefined;
  const files = listed ?? (source as ModelFiles);
  const { checkConversion, convertInMemory } = await import("./converted-files.js");
  if (conversion !== undefined) await checkConversion(files, conversion);
  await listed?.download();
  if (conversion === undefined) return new Map();
  const report = (loaded: number, total: number): void => onProgress?.({ stage: "converting", loaded, total });
  return convertInMemory(files, { ...conversion, onProgress: report, signal });
}

async function filesOf(
  { listing, names, options }: HubSource,
  { onProgress, signal }: PrepareOptions,
): Promise<ListedFiles> {
  const { browserPlace, listedFiles } = await import("@dynamo/hub/browser");
  return listedFiles(listing, names, browserPlace({ ...options, onProgress }, signal));
}
