/** In what a graph stores its weights and computes with them. */

/**
 * How a graph's weights are stored. `q8` and `q4`: in blocks of 32 with a scale each; quickest at one row a pass. `int8`: 7 bits and a scale
 * for each output; a few rows cost little more than one, which is what drafts need.
 */
export type ModelDType = "fp32" | "fp16" | "q8" | "q4" | "int8";

/** Whether weights are in blocks of few bits. */
export const isPacked = (dtype: ModelDType): dtype is "q8" | "q4" => dtype === "q8" || dtype === "q4";

/** How the graph computes with its weights. */
export interface Precision {
  readonly dtype: ModelDType;
  /**
   * Of activations in quantised products. `int8` multiplies the packed weights as they are: quickest, and least memory.
   * `fp32` unpacks them once, when the model loads: as quick and as large in memory as fp32, a quarter or an eighth on
   * disk, and the same on every device to about 1e-6.
   */
  readonly activations: "int8" | "fp32";
}

export const activationType = ({ dtype }: Precision): "float16" | "float32" =>
  dtype === "fp16" ? "float16" : "float32";
