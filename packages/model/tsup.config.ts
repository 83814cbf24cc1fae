import { preset } from "@dynamo/build/tsup";

export default preset({ index: "src/index.ts", convert: "src/convert.ts" }, { platform: "neutral" });
