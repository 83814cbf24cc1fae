// The one build preset: packages differ only in their entries.
import { defineConfig } from "tsup";

/**
 * @param {Record<string, string>} entry output name to source file
 * @param {{ platform?: "node" | "neutral" }} [options]
 */
export function preset(entry, { platform = "neutral" } = {}) {
  return defineConfig({
    entry,
    platform,
    format: "esm",
    target: "es2023",
    dts: true,
    clean: true,
    sourcemap: true,
    treeshake: true,
    splitting: true,
  });
}
