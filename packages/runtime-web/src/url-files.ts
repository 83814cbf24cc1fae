/** A model's files at a web address, kept in the browser's cache. */
import type { ModelFiles } from "@dynamo/core";
import { callback, checkOptions, flag, type OptionChecks } from "@dynamo/core/options";
import {
  browserCache,
  cachedUrlFiles,
  urlFilesChecks,
  type FileSource,
  type UrlFilesOptions,
} from "@dynamo/core/url-files";

/** Options of `urlFiles`: those of every runtime's, and the cache's. */
export interface WebUrlFilesOptions extends UrlFilesOptions {
  /** Keep files in the browser's cache; default true, where the browser has one (https:// and localhost). */
  readonly cache?: boolean | undefined;
  /** Told once why, when the browser's storage takes no more: files are loaded all the same, but not kept. */
  readonly onCacheFull?: ((reason: string) => void) | undefined;
}

const checks: OptionChecks<WebUrlFilesOptions> = { ...urlFilesChecks, cache: flag, onCacheFull: callback() };

/**
 * The files below an address, a model's folder, or those of a list such as `modelFiles` of a model's npm package. A
 * file's size and version are asked for once per object; one that is in the cache in this version is not downloaded, and
 * without a network it counts as current. Throws as `urlFiles` of @dynamo/core/url-files.
 */
export function urlFiles(source: FileSource, options: WebUrlFilesOptions = {}): ModelFiles {
  checkOptions("urlFiles()", options, checks);
  const { cache = true, onCacheFull, ...others } = options;
  return cachedUrlFiles(source, cache ? browserCache(onCacheFull) : undefined, others);
}
