/** The tiny checkpoints of every family (fixtures of @dynamo/model), converted, with transformers' logits of their first row. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { viewOf } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { convertCheckpoint } from "@dynamo/model/convert";

export interface FamilyCase {
  readonly name: string;
  readonly tokens: readonly number[];
  /** [place · 2 heads] → logits, one after the other. */
  readonly logits: readonly number[];
}

const fixtures = join(import.meta.dirname, "../../model/test/__fixtures__/families");

/** Models of both dtypes that the devices take, in folders of their names. */
export async function convertFamilies(target: string): Promise<FamilyCase[]> {
  const cases: FamilyCase[] = [];
  for (const name of readdirSync(fixtures)) {
    const source = join(fixtures, name);
    await convertCheckpoint(source, join(target, name), { dtypes: ["fp32", "q4"] });
    const { tokens } = JSON.parse(readFileSync(join(source, "tokens.json"), "utf8")) as { tokens: number[][] };
    cases.push({ name, tokens: tokens[0] ?? [], logits: expectedLogits(source, tokens[0]?.length ?? 0) });
  }
  return cases;
}

/** Both heads' logits of the first row, place by place. */
function expectedLogits(folder: string, places: number): number[] {
  const bytes = new Uint8Array(readFileSync(join(folder, "expected-logits.safetensors")));
  const { tensors } = parseSafetensorsHeader(bytes, bytes.length);
  const heads = ["head_1", "head_2"].map((name) => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new Error(`${folder} has no ${name}`);
    const data = bytes.slice(entry.byteOffset, entry.byteOffset + entry.byteLength);
    return { values: viewOf("float32", data.buffer, 0, data.length / 4), vocabulary: entry.shape[2] as number };
  });
  return Array.from({ length: places }, (_, place) =>
    heads.flatMap(({ values, vocabulary }) => [...values.subarray(place * vocabulary, (place + 1) * vocabulary)]),
  ).flat();
}
