import { preset } from "@dynamo/build/tsup";

export default preset(
  {
    index: "src/index.ts",
    testing: "src/testing.ts",
    safetensors: "src/safetensors.ts",
    options: "src/options.ts",
    "url-files": "src/url-files/index.ts",
  },
  { platform: "neutral" },
);
