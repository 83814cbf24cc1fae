/**
 * Tiny checkpoints (fixtures of @dynamo/model), converted, with what transformers and torch compute of their first row: every
 * family, and heads that were published for a base.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { viewOf } from "@dynamo/core";
import { parseSafetensorsHeader } from "@dynamo/core/safetensors";
import { convertCheckpoint } from "@dynamo/model/convert";

export interface FamilyCase {
  readonly name: string;
  readonly tokens: readonly number[];
  /** What follows the tokens, for heads that look at the tokens between. */
  readonly following?: readonly number[];
  readonly heads: number;
  /** [place · heads] → logits, one after the other. */
  readonly logits: readonly number[];
}

const fixtures = join(import.meta.dirname, "../../model/test/__fixtures__");
/** The dtypes that both devices take. */
const dtypes = ["fp32", "q4"] as const;

/** Models of both dtypes, in folders of their names. */
export async function convertFamilies(target: string): Promise<FamilyCase[]> {
  const cases: FamilyCase[] = [];
  for (const name of readdirSync(join(fixtures, "families"))) {
    const source = join(fixtures, "families", name);
    await convertCheckpoint(source, join(target, name), { dtypes });
    cases.push({ name, ...expectedOf(source, ["head_1", "head_2"]) });
  }
  return [...cases, ...(await convertMedusa(target)), ...(await convertModules(target))];
}

/** `convert --medusa`: both layouts of published heads. */
async function convertMedusa(target: string): Promise<FamilyCase[]> {
  const source = join(fixtures, "medusa");
  const layouts = [
    { layout: "vllm", heads: ["head_1", "vllm_0", "vllm_1", "vllm_2"] },
    { layout: "fasterdecoding", heads: ["head_1", "fasterdecoding_0", "fasterdecoding_1"] },
  ];
  const cases: FamilyCase[] = [];
  for (const { layout, heads } of layouts) {
    const name = `medusa-${layout}`;
    await convertCheckpoint(join(source, "base"), join(target, name), { medusa: join(source, layout), dtypes });
    cases.push({ name, ...expectedOf(source, heads) });
  }
  return cases;
}

/** `convert --mtp`: a module in two forms, of a checkpoint of two shards. */
async function convertModules(target: string): Promise<FamilyCase[]> {
  const source = join(fixtures, "mtp");
  const layouts = [
    { layout: "qwen", heads: ["head_1", "mtp_1", "mtp_2_normed"] },
    { layout: "deepseek", heads: ["head_1", "mtp_1", "mtp_2_layer"] },
  ];
  const { next_tokens: next } = readJson(join(source, "tokens.json")) as { next_tokens: number[][] };
  const cases: FamilyCase[] = [];
  for (const { layout, heads } of layouts) {
    const name = `mtp-${layout}`;
    const shards = ["base.safetensors", `${layout}.safetensors`];
    const checkpoint = join(target, `${name}-checkpoint`);
    mkdirSync(checkpoint);
    for (const file of ["config.json", ...shards]) copyFileSync(join(source, file), join(checkpoint, file));
    const map = shards.flatMap((file) => [...tensorsOf(join(source, file)).keys()].map((tensor) => [tensor, file]));
    const index = JSON.stringify({ weight_map: Object.fromEntries(map) as object });
    writeFileSync(join(checkpoint, "model.safetensors.index.json"), index);
    await convertCheckpoint(checkpoint, join(target, name), { mtp: true, tokenHeads: 3, dtypes });
    cases.push({ name, ...expectedOf(source, heads), following: next[0] ?? [] });
  }
  return cases;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

const tensorsOf = (path: string): ReturnType<typeof parseSafetensorsHeader>["tensors"] => {
  const bytes = readFileSync(path);
  return parseSafetensorsHeader(bytes, bytes.length).tensors;
};

/** The first row, and its logits of all heads, place by place. */
function expectedOf(folder: string, names: readonly string[]): Pick<FamilyCase, "tokens" | "heads" | "logits"> {
  const { tokens: rows } = readJson(join(folder, "tokens.json")) as { tokens: number[][] };
  const [tokens = []] = rows;
  const path = join(folder, "expected-logits.safetensors");
  const bytes = new Uint8Array(readFileSync(path));
  const tensors = tensorsOf(path);
  const heads = names.map((name) => {
    const entry = tensors.get(name);
    if (entry === undefined) throw new Error(`${folder} has no ${name}`);
    const data = bytes.slice(entry.byteOffset, entry.byteOffset + entry.byteLength);
    return { values: viewOf("float32", data.buffer, 0, data.length / 4), vocabulary: entry.shape[2] as number };
  });
  const logits = tokens.flatMap((_, place) =>
    heads.flatMap(({ values, vocabulary }) => [...values.subarray(place * vocabulary, (place + 1) * vocabulary)]),
  );
  return { tokens, heads: heads.length, logits };
}
