/** Models that rotate otherwise in long texts: which of two rotations holds is said by an input of the graph. */
import { partsOf } from "../architectures/layer-parts.js";
import type { Architecture } from "../architectures/architecture.js";

/** bool []: whether the text may grow longer than `shortLength`. Graphs of other models have no such input. */
export const longContextName = "long_context";

/** A cache of more positions is rotated as a long text from its first position on; undefined where there is one rotation. */
export function shortLength({ layers }: Architecture): number | undefined {
  const lengths = layers.flatMap((layer) => partsOf(layer).rotaries.flatMap(({ long }) => long?.behind ?? []));
  return lengths.length === 0 ? undefined : Math.min(...lengths);
}
