import { preset } from "@dynamo/build/tsup";

export default preset(
  { index: "src/index.ts", train: "src/train/index.ts" },
  { platform: "neutral", bundled: ["oniguruma-to-es"] },
);
