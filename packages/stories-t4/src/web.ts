/** The model's files in a web page: bundlers copy them because of these very expressions, and plain pages need no bundler. */

/** Each file's address by its path in the model folder, for `urlFiles` of @dynamo/runtime-web. */
export const modelFiles: Readonly<Record<string, string>> = {
  "conditional.safetensors": new URL("../model/conditional.safetensors", import.meta.url).href,
  "config.json": new URL("../model/config.json", import.meta.url).href,
  "cooccurrence.safetensors": new URL("../model/cooccurrence.safetensors", import.meta.url).href,
  "generation_config.json": new URL("../model/generation_config.json", import.meta.url).href,
  "onnx/model_q8.onnx": new URL("../model/onnx/model_q8.onnx", import.meta.url).href,
  "tokenizer.json": new URL("../model/tokenizer.json", import.meta.url).href,
  "tokenizer_config.json": new URL("../model/tokenizer_config.json", import.meta.url).href,
};
