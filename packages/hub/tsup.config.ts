import { preset } from "@dynamo/build/tsup";

export default preset({ index: "src/index.ts", node: "src/node.ts" }, { platform: "neutral" });
