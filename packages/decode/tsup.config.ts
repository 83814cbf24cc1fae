import { preset } from "@dynamo/build/tsup";

export default preset(
  { index: "src/index.ts", rows: "src/rows-index.ts", testing: "src/testing.ts" },
  { platform: "neutral" },
);
