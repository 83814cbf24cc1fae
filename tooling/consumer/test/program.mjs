// A program as a consumer writes it: prints how a model folder continues a text. `node program.mjs <folder>`
import { autoregressive, generate } from "@dynamo/decode";
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";

const { argv, stdout } = await import("node:process");
const runtime = createNodeRuntime({ device: "cpu", threads: 1 });
const model = await loadModel(runtime, argv[2]);
const options = { strategy: autoregressive({ temperature: 0 }), maxNewTokens: 8 };
const { text } = await generate(model, "Once upon a time", options);
await model.dispose();
await runtime.dispose();
stdout.write(`${JSON.stringify(text)}\n`);
