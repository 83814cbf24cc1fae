import { preset } from "@dynamo/build/tsup";

export default preset({ index: "src/index.ts", worker: "src/worker.ts", probe: "src/probe.ts" }, { platform: "node" });
