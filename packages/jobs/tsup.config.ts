import { preset } from "@dynamo/build/tsup";

export default preset({ index: "src/index.ts", "pglite-thread": "src/pglite-thread.ts" }, { platform: "node" });
