/** A visitor's own strategy: an ES module that runs in this page, of the form that every other place takes. */
import type { Strategy } from "@dynamo/core";
import { pluginOf } from "@dynamo/decode/plugin";

/** Throws what `pluginOf` and the plugin throw. The page gives a plugin no options. */
export const strategyIn = (module: unknown, source: string): Strategy => pluginOf(module, source).make();

/** Runs the file's code. */
export async function importPlugin(file: File): Promise<Strategy> {
  const url = URL.createObjectURL(new Blob([await file.text()], { type: "text/javascript" }));
  try {
    return strategyIn(await import(/* @vite-ignore */ url), file.name);
  } finally {
    URL.revokeObjectURL(url);
  }
}
