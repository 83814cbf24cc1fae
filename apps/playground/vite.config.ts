/** The static site: everything it needs, models included, is served by itself. */
import { cpSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const require = createRequire(import.meta.url);
const models = fileURLToPath(new URL("public/models", import.meta.url));

const names = ["stories", "stories-t4", "stories-base"];
const folderOf = (name: string): string => dirname(require.resolve(`@dynamo/${name}/model/config.json`));

function copyModels(): void {
  rmSync(models, { recursive: true, force: true });
  for (const name of names) cpSync(folderOf(name), `${models}/${name}`, { recursive: true });
}

/** The page asks for no file that is not there: a browser would write each answer on its console as an error. */
const embeddedFiles = Object.fromEntries(
  names.map((name) => [
    name,
    readdirSync(folderOf(name), { recursive: true, encoding: "utf8" }).map((path) => path.replaceAll(sep, "/")),
  ]),
);

/** Cross-origin isolation: without it WASM has one thread. */
const headers = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

export default defineConfig(({ isPreview }) => {
  if (isPreview !== true) copyModels();
  return {
    base: "./",
    // A file that is missing is missing: no page stands in for it.
    appType: "mpa",
    plugins: [react()],
    define: { __EMBEDDED_FILES__: JSON.stringify(embeddedFiles) },
    server: { headers },
    preview: { headers },
    build: { target: "es2023", chunkSizeWarningLimit: 1000 },
    worker: { format: "es" },
  };
});
