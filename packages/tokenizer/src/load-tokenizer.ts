/** A tokenizer at once, with the translator of regular expressions; and one that waits for it, where the file needs it. */
import { checkFiles, makeTokenizer, type LoadedTokenizer, type TokenizerFiles } from "./make-tokenizer.js";
import { regularExpression } from "./regular-expression.js";

/** Throws `invalid-file` for damaged files, `unsupported` for settings that are not done. */
export const loadTokenizer = (files: TokenizerFiles): LoadedTokenizer =>
  makeTokenizer(checkFiles("loadTokenizer()", files), regularExpression);

/**
 * As `loadTokenizer`, for pages: a bundler puts the translator of regular expressions, a third of this package, into a file of its own, which is
 * loaded for a tokenizer.json that has such expressions only. Rejects as `loadTokenizer` throws.
 */
export async function openTokenizer(files: TokenizerFiles): Promise<LoadedTokenizer> {
  const read = checkFiles("openTokenizer()", files);
  const { normalizer, pre_tokenizer: preTokenizer, decoder } = read.checked.json;
  if (![normalizer, preTokenizer, decoder].some(hasExpression)) return makeTokenizer(read, neverAsked);
  const { regularExpression: translate } = await import("./regular-expression.js");
  return makeTokenizer(read, translate);
}

const neverAsked = (source: string): never => {
  throw new TypeError(`the expression ${source} was overlooked`);
};

/** Whether a component, or one within it, has a pattern `{ Regex }`. Files come from outside: neither depth nor circles stop it. */
function hasExpression(component: unknown): boolean {
  const seen = new Set<unknown>([component]);
  for (const each of seen) {
    if (typeof each !== "object" || each === null) continue;
    if (typeof (each as { readonly Regex?: unknown }).Regex === "string") return true;
    for (const part of Object.values(each)) if (typeof part === "object") seen.add(part);
  }
  return false;
}
