/** @dynamo/decode/node: a plugin's module from a file. It runs as code, with all that this process may do. */
import { statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DynamoError } from "@dynamo/core";
import { pluginOf, type StrategyPlugin } from "./plugin.js";

const scripts = [".js", ".mjs"];
/** Node takes their types away, from 22.18 on. */
const typed = [".ts", ".mts"];

/**
 * Throws `not-found` when there is no such file, `unsupported` for TypeScript where Node cannot run it and for other kinds of file,
 * `strategy` when the module fails while it is loaded or is no plugin.
 */
export async function importPlugin(path: string): Promise<StrategyPlugin> {
  const file = resolve(path);
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw new DynamoError("not-found", `expected a strategy's module at ${file}, found no file`);
  checkKind(file);
  let module: unknown;
  try {
    module = await import(/* @vite-ignore */ pathToFileURL(file).href);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError("strategy", `${file} failed while loading: ${reason}`, { cause });
  }
  return pluginOf(module, file);
}

function checkKind(file: string): void {
  const kind = extname(file);
  const isTyped = typed.includes(kind);
  if (scripts.includes(kind) || (isTyped && stripsTypes())) return;
  const here = isTyped ? ` on Node ${process.versions.node}` : "";
  throw new DynamoError(
    "unsupported",
    `expected an ES module (${scripts.join(", ")}), or with Node 22.18 or later one in TypeScript (${typed.join(", ")}), received ${file}${here}`,
  );
}

/** False, or undefined in older versions, where types are a syntax error. */
const stripsTypes = (): boolean => Boolean((process.features as { readonly typescript?: unknown }).typescript);
