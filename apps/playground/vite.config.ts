/** The static site: everything it needs, models included, is served by itself. */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, sep } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

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

/** Tells the service worker what was built; its own name has no hash, as browsers ask for a newer one under the same. */
const listAssets: Plugin = {
  name: "list-assets",
  apply: "build",
  writeBundle({ dir = "dist" }) {
    const path = `${dir}/service-worker.js`;
    const list = JSON.stringify(readdirSync(`${dir}/assets`));
    writeFileSync(path, readFileSync(path, "utf8").replace("__ASSETS__", list));
  },
};

export default defineConfig(({ isPreview }) => {
  if (isPreview !== true) copyModels();
  return {
    base: "./",
    // A file that is missing is missing: no page stands in for it.
    appType: "mpa",
    plugins: [react(), listAssets],
    define: { __EMBEDDED_FILES__: JSON.stringify(embeddedFiles) },
    server: { headers },
    preview: { headers },
    build: {
      target: "es2023",
      chunkSizeWarningLimit: 1000,
      rolldownOptions: {
        input: { index: "index.html", "service-worker": "src/offline/service-worker.ts" },
        output: {
          entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
        },
      },
    },
    worker: { format: "es" },
  };
});
