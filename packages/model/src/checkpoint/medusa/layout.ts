/** How published Medusa heads name their tensors: as vLLM and as FasterDecoding (and text-generation-inference) load them. */
import { DynamoError } from "@dynamo/core";

/** A tensor: a part of block `block` of head `head`, a head's output matrix, or one matrix for all heads. Numbers from 0. */
type Part =
  | { readonly kind: "block"; readonly head: number; readonly block: number; readonly part: "weight" | "bias" }
  /** FasterDecoding's stands behind `blocks` blocks. */
  | { readonly kind: "output"; readonly head: number; readonly blocks?: number }
  | { readonly kind: "shared-output" };

const vllmBlock = /^blocks\.(\d+)\.layers\.(\d+)\.(?:linear\.)?(weight|bias)$/;
const vllmOutput = /^lm_heads\.(\d+)\.weight$/;
const fasterBlock = /^(\d+)\.(\d+)\.linear\.(weight|bias)$/;
const fasterOutput = /^(\d+)\.(\d+)\.weight$/;

function partOf(name: string): Part | undefined {
  const bare = name.replace(/medusa_heads?\./, "");
  if (bare === "lm_head.weight") return { kind: "shared-output" };
  const [, head, block, part] = vllmBlock.exec(bare) ?? fasterBlock.exec(bare) ?? [];
  if (part !== undefined)
    return { kind: "block", head: Number(head), block: Number(block), part: part === "bias" ? "bias" : "weight" };
  const own = vllmOutput.exec(bare);
  if (own !== null) return { kind: "output", head: Number(own[1]) };
  const behind = fasterOutput.exec(bare);
  return behind === null ? undefined : { kind: "output", head: Number(behind[1]), blocks: Number(behind[2]) };
}

/** The heads' tensors by what they are. */
export interface MedusaTensors {
  readonly heads: number;
  /** In each head. */
  readonly blocks: number;
  readonly hasBias: boolean;
  /** The names in the file; undefined for what is missing. */
  block(head: number, block: number, part: "weight" | "bias"): string | undefined;
  output(head: number): string | undefined;
  /** The one output matrix of all heads. */
  readonly sharedOutput: string | undefined;
  readonly hasOutputs: boolean;
}

/** Throws `unsupported` for a vocabulary of the heads' own, `invalid-file` for other tensors and for none. */
export function medusaTensors(location: string, names: Iterable<string>): MedusaTensors {
  const blocks = new Map<string, string>();
  const outputs = new Map<number, string>();
  let [heads, perHead, hasBias, sharedOutput] = [0, 0, false, undefined as string | undefined];
  for (const name of names) {
    if (/(^|\.)token_map$/.test(name))
      throw new DynamoError(
        "unsupported",
        `${location}: expected heads over the base's vocabulary, received a ${name}`,
      );
    const part = partOf(name);
    if (part === undefined)
      throw new DynamoError(
        "invalid-file",
        `${location}: expected Medusa heads' tensors, such as blocks.0.layers.0.weight or 0.0.linear.weight, received ${name.slice(0, 200)}`,
      );
    if (part.kind === "shared-output") {
      sharedOutput = name;
      continue;
    }
    heads = Math.max(heads, part.head + 1);
    if (part.kind === "output") {
      outputs.set(part.head, name);
      perHead = Math.max(perHead, part.blocks ?? 0);
      continue;
    }
    blocks.set(`${part.head}.${part.block}.${part.part}`, name);
    perHead = Math.max(perHead, part.block + 1);
    hasBias ||= part.part === "bias";
  }
  return {
    heads,
    blocks: perHead,
    hasBias,
    block: (head, block, part) => blocks.get(`${head}.${block}.${part}`),
    output: (head) => outputs.get(head),
    sharedOutput,
    hasOutputs: outputs.size > 0,
  };
}
