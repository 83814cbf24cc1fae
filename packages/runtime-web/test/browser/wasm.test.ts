import { runtimeContract } from "@dynamo/runtime-contract";
import { createWebRuntime } from "@dynamo/runtime-web";

runtimeContract("wasm", () => createWebRuntime({ device: "wasm" }), {
  dtypes: ["float32", "float64", "float16", "int8", "uint8", "uint16", "int32", "uint32", "int64", "bool"],
  programs: 25,
  float16: true,
});
