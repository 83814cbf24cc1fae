import { preset } from "@dynamo/build/vitest";

export default preset();
