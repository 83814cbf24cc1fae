/** Every family with a chat template and a tokenizer of its kind: counted, tuned on conversations, and talked to. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "@dynamo/model";
import { writeRandomCheckpoint } from "@dynamo/model/convert";
import { loadTokenizer } from "@dynamo/tokenizer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCli } from "./run-cli.js";

const packages = join(import.meta.dirname, "../../../packages");
const fixtures = join(packages, "model/test/__fixtures__/families");
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, "utf8"));

interface Case {
  readonly template: string;
  readonly tokenizer: string;
  readonly config: Readonly<Record<string, string>>;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly refused?: string;
}
const { tokenizers, cases } = readJson(join(packages, "train/src/data/chat/__fixtures__/chat-rows.json")) as {
  readonly tokenizers: Readonly<Record<string, unknown>>;
  readonly cases: readonly Case[];
};

/** The template of a family's published models, or one that they could have. */
const templateOf: Readonly<Record<string, string>> = {
  llama: "inst",
  "llama-3": "llama3",
  mistral: "inst",
  qwen2: "qwen2_5",
  qwen3: "qwen3",
  gemma2: "gemma",
  gemma3: "gemma3",
  "gemma3-capped": "gemma",
  phi3: "phi3",
  "phi3-longrope": "phi3",
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-chat-families-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args);
  expect([code, stderr.slice(-500)]).toEqual([0, expect.anything()]);
  return stdout;
}

test.each(readdirSync(fixtures))("%s", async (name) => {
  const own = cases.filter(({ template }) => template === (templateOf[name] ?? "chatml"));
  const conversations = own.filter(({ refused }) => refused === undefined).map(({ messages }) => ({ messages }));
  const [{ template, tokenizer: kind, config }] = own as [Case];
  const at = (part: string): string => join(folder, name, part);
  const tokenizerJson = tokenizers[kind];
  const tokenizer = loadTokenizer({ tokenizerJson });
  const [end = -1] = tokenizer.encode(config["eos_token"] ?? "");

  const json = readJson(join(fixtures, name, "config.json")) as object;
  // Phi 3 with LongRoPE: windows on both sides of the length that it was first trained with.
  const context = name === "gpt2" ? "n_positions" : "max_position_embeddings";
  const sizes = { vocab_size: tokenizer.vocabularySize, [context]: 256 };
  const ids = { bos_token_id: null, eos_token_id: end, pad_token_id: null };
  const modelConfig = parseConfig({ ...json, ...sizes, ...ids, dynamo: { token_heads: 2 } });
  await writeRandomCheckpoint(at("base"), { config: modelConfig, seed: 3 });
  const jinja = await readFile(join(packages, `tokenizer/src/jinja/__fixtures__/templates/${template}.jinja`), "utf8");
  await writeFile(at("base/tokenizer.json"), JSON.stringify(tokenizerJson));
  await writeFile(at("base/tokenizer_config.json"), JSON.stringify({ ...config, chat_template: jinja }));
  await mkdir(at("texts"), { recursive: true });
  await writeFile(at("texts/chat.json"), JSON.stringify(conversations));
  await writeFile(at("texts/text.txt"), "The cat sat on the mat.<|endoftext|>Why is the sky blue? Ω");

  const prepare = ["data", "prepare-chat", at("texts/chat.json"), "--tokenizer", at("base"), "--out", at("data")];
  await run(...prepare, "--sequence", "128", "--held-out", "0");
  const tune = ["train", "--checkpoint", at("base"), "--dataset", at("data"), "--out", at("run"), "--threads", "1"];
  await run(...tune, "--steps", "2", "--batch", "1", "--learning-rate", "0.001");
  const metrics = (await readFile(at("run/metrics.jsonl"), "utf8")).trimEnd().split("\n");
  const losses = metrics.flatMap((line) => (JSON.parse(line) as { losses?: number[] }).losses ?? []);
  expect(losses.every((loss) => loss > 0 && loss < 20)).toBe(true);

  await run("count", at("texts/text.txt"), "--model", at("run/model"), "--order", "2");
  const dynamo = ["--strategy", "dynamo", "--seed", "1", "--max-new-tokens", "6", "--json"];
  const written = JSON.parse(await run("generate", at("run/model"), "--prompt", "The cat", ...dynamo)) as object;
  expect(written).toMatchObject({ statistics: { tokens: expect.any(Number) as number } });
  const { code, stdout, stderr } = await runCli(["chat", at("run/model"), ...dynamo], {
    input: `${JSON.stringify({ messages: conversations[0]?.messages.slice(0, 1) })}\n`,
  });
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({ message: { role: "assistant" } });
  const generation = readJson(at("run/model/generation_config.json")) as { eos_token_id: number | number[] };
  const ends = [generation.eos_token_id].flat().map((id) => tokenizer.idToToken(id));
  const answerEnd: Readonly<Record<string, string>> = {
    phi3: "<|end|>",
    gemma: "<end_of_turn>",
    gemma3: "<end_of_turn>",
  };
  expect(ends).toEqual([...new Set([config["eos_token"], answerEnd[template] ?? config["eos_token"]])]);
});
