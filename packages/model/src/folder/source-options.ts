/** How a source of a model is opened. */
import type { DeviceChoice } from "@dynamo/core";
import type { HubOptions } from "@dynamo/hub";
import type { ModelDType } from "../graph/precision.js";

export interface SourceOptions {
  /** What is wanted of a hub id: a model folder, the checkpoint that it is made from, what the repository is, its texts, or Medusa heads. */
  readonly as: "model" | "checkpoint" | "either" | "texts" | "medusa";
  readonly dtype?: ModelDType | undefined;
  readonly hub?: HubOptions | undefined;
  /** Where the model will run; asked only where it is converted in memory. */
  readonly device?: (() => Promise<DeviceChoice>) | undefined;
  readonly signal?: AbortSignal | undefined;
}
