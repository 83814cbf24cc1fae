/** The small graph by which a cache in GPU memory is edited where it lies: in Node, JavaScript does not reach into it. */
import type { CacheLayout } from "@dynamo/core";
import { encodeSmallOnnx } from "@dynamo/runtime-common";

/**
 * For every cache tensor: `first.<name>` and `second.<name>` are joined row-wise, `rows` (int64 [n]) picks from both, and
 * `key_pads` or `value_pads` (int64 [8], ONNX Pad) makes room. Out: `<name>.out`. One graph serves for making a cache, its
 * growth, copying a row and splitting rows off.
 */
export function editGraph({ tensors, dtype }: CacheLayout): Uint8Array {
  const int64 = { dtype: "int64" as const };
  return encodeSmallOnnx({
    inputs: [
      ...tensors.flatMap(({ name }) =>
        ["first", "second"].map((part) => ({
          name: `${part}.${name}`,
          dtype,
          dims: [`${part}_rows`, "heads", "?", "??"],
        })),
      ),
      { name: "rows", dims: ["n"], ...int64 },
      { name: "key_pads", dims: [8], ...int64 },
      { name: "value_pads", dims: [8], ...int64 },
    ],
    outputs: tensors.map(({ name }) => ({ name: `${name}.out`, dtype, dims: ["n", "heads", "?out", "??out"] })),
    nodes: tensors.flatMap(({ name, kind }) => [
      {
        op: "Concat",
        inputs: [`first.${name}`, `second.${name}`],
        outputs: [`${name}.joined`],
        attributes: { axis: 0 },
      },
      { op: "Gather", inputs: [`${name}.joined`, "rows"], outputs: [`${name}.picked`], attributes: { axis: 0 } },
      { op: "Pad", inputs: [`${name}.picked`, `${kind}_pads`], outputs: [`${name}.out`] },
    ]),
  });
}
