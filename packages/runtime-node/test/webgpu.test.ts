import { createNodeRuntime } from "@dynamo/runtime-node";
import { describe } from "vitest";
import { runtimeContract } from "@dynamo/runtime-contract";
import { useSwiftShader } from "./swiftshader.js";

const available = useSwiftShader();

describe.runIf(available)("software", () => {
  runtimeContract("webgpu", () => createNodeRuntime({ device: "webgpu", threads: 1 }), {
    dtypes: ["float32", "int32", "uint32", "int64", "bool"],
    programs: 8,
    float16: false,
  });
});
