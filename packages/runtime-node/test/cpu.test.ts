import { createNodeRuntime } from "@dynamo/runtime-node";
import { runtimeContract } from "@dynamo/runtime-contract";

runtimeContract("cpu", () => createNodeRuntime({ device: "cpu", threads: 1 }), {
  dtypes: ["float32", "float64", "float16", "int8", "uint8", "uint16", "int32", "uint32", "int64", "bool"],
  programs: 25,
  float16: true,
});
