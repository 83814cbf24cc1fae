import { preset } from "@dynamo/build/tsup";

export default preset({
  index: "src/index.ts",
  "inference-process": "src/inference/process.ts",
  "prompt-worker": "src/inference/prompt-worker.ts",
});
