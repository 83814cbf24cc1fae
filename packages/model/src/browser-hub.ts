/** Takes node-hub.ts's place in browsers (package.json, "browser"): there is no disk to convert a checkpoint on. */
import { DynamoError, type ModelFiles } from "@dynamo/core";

export function hubFiles(source: string): Promise<ModelFiles> {
  return Promise.reject(new DynamoError("unsupported", `expected a model's files in a browser, received ${source}`));
}
