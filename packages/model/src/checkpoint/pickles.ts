/** Weights in Python's pickle format: never opened. */
import { DynamoError } from "@dynamo/core";

export const isPickle = (path: string): boolean => /\.(bin|pt|pth|ckpt|pkl)$/i.test(path);

/** Names under which transformers has written them. */
export const usualPickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"] as const;

export const pickleError = (location: string, path: string): DynamoError =>
  new DynamoError(
    "unsupported",
    `${location} has its weights only as a pickle (${path}), and reading a pickle can run any code that is in it; expected safetensors: ` +
      `look for another revision of the model (the hub's converter offers one as refs/pr/…), or save it with transformers' ` +
      `save_pretrained(…, safe_serialization=True) on a machine that may run it`,
  );
