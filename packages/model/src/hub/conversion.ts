/** What a checkpoint on no disk becomes. */
import type { DeviceChoice } from "@dynamo/core";
import type { ModelDType } from "../graph/precision.js";

export interface Conversion {
  readonly dtype: ModelDType;
  /** Where the graph will run: what it has no room for is refused before anything is downloaded. */
  readonly device: DeviceChoice;
}
