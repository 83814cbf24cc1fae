import { preset } from "@dynamo/build/tsup";

export default preset(
  { index: "src/index.ts", browser: "src/browser.ts", node: "src/node.ts" },
  { platform: "neutral", bundled: ["@noble/hashes"] },
);
