import { preset } from "@dynamo/build/tsup";

export default preset(
  {
    index: "src/index.ts",
    rows: "src/rows-index.ts",
    plugin: "src/plugin.ts",
    node: "src/node.ts",
    testing: "src/testing.ts",
  },
  { platform: "neutral" },
);
