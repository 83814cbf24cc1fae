/** The static site: everything it needs, models included, is served by itself. */
import { cpSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const require = createRequire(import.meta.url);
const models = fileURLToPath(new URL("public/models", import.meta.url));

function copyModels(): void {
  rmSync(models, { recursive: true, force: true });
  for (const name of ["stories", "stories-t4", "stories-base"]) {
    cpSync(dirname(require.resolve(`@dynamo/${name}/model/config.json`)), `${models}/${name}`, { recursive: true });
  }
}

/** Cross-origin isolation: without it WASM has one thread. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig(({ isPreview }) => {
  if (isPreview !== true) copyModels();
  return {
    base: "./",
    // A file that is missing is missing: no page stands in for it.
    appType: "mpa",
    plugins: [react()],
    server: { headers },
    preview: { headers },
    build: { target: "es2023", chunkSizeWarningLimit: 1000 },
    worker: { format: "es" },
  };
});
