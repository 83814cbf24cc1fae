/** Medusa heads (https://arxiv.org/abs/2401.10774): residual blocks x + SiLU(W·x + b), which do not attend. */
import { noAttention, type Layer, type Product } from "../architecture.js";
import type { HeadKind } from "./head-kind.js";

export const medusa: HeadKind = {
  name: "medusa",
  layerName: ["Medusa block", "Medusa blocks"],
  maxLayers: 8,
  input: "normed",
  layer: ({ hiddenSize }): Layer => {
    const linear: Product = { tensor: "linear", inputs: hiddenSize, outputs: hiddenSize, bias: true };
    return {
      attention: noAttention,
      forward(op, x) {
        const [y] = op.products(x, [linear]) as [typeof x];
        return op.add(x, op.activate(y, "silu"));
      },
    };
  },
};
