import { preset } from "@dynamo/build/tsup";

export default preset({ index: "src/index.ts", worker: "src/worker.ts" }, { platform: "node" });
