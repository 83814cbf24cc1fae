/** What is said of a multi-token-prediction module that nobody asked for. */
import type { ModelFiles } from "@dynamo/core";
import type { ModelConfig } from "../../architectures/config.js";
import { readTensorIndex } from "../tensor-index.js";
import { isMtpTensor } from "./layout.js";

/** A sentence for a checkpoint without token heads that has a module, else none. */
export async function aboutModule(files: ModelFiles, { tokenHeads }: ModelConfig): Promise<string[]> {
  if (tokenHeads > 1 || ![...(await readTensorIndex(files)).keys()].some(isMtpTensor)) return [];
  return [`${files.location} has an MTP module, which is left out: \`--mtp\` (mtp: true) makes token heads of it`];
}
