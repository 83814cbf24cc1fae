import { preset } from "@dynamo/build/tsup";

// These have names of their own, because package.json's "browser" puts one in the other's place.
const folders = {
  ...{ "node-folder": "src/node-folder.ts", "browser-folder": "src/browser-folder.ts" },
  ...{ "node-hub": "src/node-hub.ts", "browser-hub": "src/browser-hub.ts" },
};

export default preset({ index: "src/index.ts", convert: "src/convert.ts", ...folders }, { platform: "neutral" });
