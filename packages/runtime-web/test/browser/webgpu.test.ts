import { runtimeContract } from "@dynamo/runtime-contract";
import { createWebRuntime } from "@dynamo/runtime-web";

runtimeContract("webgpu on SwiftShader", () => createWebRuntime({ device: "webgpu" }), {
  dtypes: ["float32", "int32", "uint32", "int64", "bool"],
  programs: 8,
  float16: false,
});
