// The one build preset: packages differ only in their entries.
import { defineConfig } from "tsup";

/**
 * @param {Record<string, string>} entry output name to source file
 * @param {{ platform?: "node" | "neutral", bundled?: string[] }} [options] `bundled`: packages whose code goes into ours, because a
 * plain page could not name all their files in its import map; their licences stand in the package's NOTICE
 */
export function preset(entry, { platform = "neutral", bundled = [] } = {}) {
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
    noExternal: bundled,
  });
}
