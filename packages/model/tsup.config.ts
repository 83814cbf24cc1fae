import { preset } from "@dynamo/build/tsup";
import { defineConfig } from "tsup";

// These have names of their own, because package.json's "browser" puts one in the other's place.
const folders = {
  ...{ "node-folder": "src/node-folder.ts", "browser-folder": "src/browser-folder.ts" },
  ...{ "node-hub": "src/node-hub.ts", "browser-hub": "src/browser-hub.ts" },
};

export default defineConfig([
  {
    ...preset({ index: "src/index.ts", convert: "src/convert.ts", ...folders }, { platform: "neutral" }),
    // Both are built at the same time.
    clean: ["!conversion-worker.js*"],
  },
  {
    entry: { "conversion-worker": "src/hub/conversion-worker.ts" },
    ...{ format: "esm", target: "es2023", platform: "browser", sourcemap: true, treeshake: true, splitting: false },
    // Import maps do not reach into workers: everything is inside.
    noExternal: [/./],
  },
]);
