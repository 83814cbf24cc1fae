/** What a checkpoint takes along of the model that it was trained from. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tinyConfig, tinyWeights } from "../../__fixtures__/tiny-checkpoint.js";
import { writeCheckpoint } from "./checkpoint.js";

const texts = {
  "tokenizer.json": "{}",
  "tokenizer_config.json": '{"chat_template":"the model\'s"}',
  "special_tokens_map.json": '{"eos_token":"<end>"}',
  "generation_config.json": '{"eos_token_id":0}',
  "chat_template.jinja": "of a file",
  "additional_chat_templates/tool_use.jinja": "with tools",
  "additional_chat_templates/rag.jinja": "with documents",
};
let folder: string;
const place = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-checkpoint-"));
  write("model", texts);
  write("chat", { "tokenizer.json": "{}", "tokenizer_config.json": '{"chat_template":"the dataset\'s"}' });
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(place(name), path)), { recursive: true });
    writeFileSync(join(place(name), path), text);
  }
}

async function checkpointOf(run: string, tokenizerFrom?: string): Promise<string> {
  const config = tinyConfig(1);
  const weights = tinyWeights(config);
  const moments = new Map([...weights].map(([name, { length }]) => [name, new Float32Array(length)]));
  const progress = { step: 1, tokens: 1, seconds: 1, position: { drawn: {} } };
  const tensors = { weights, moments1: moments, moments2: moments };
  const options = { keep: 1, textsFrom: place("model"), ...(tokenizerFrom === undefined ? {} : { tokenizerFrom }) };
  return writeCheckpoint(place(run), config, tensors, progress, options);
}

const textOf = (checkpoint: string, name: string): string => readFileSync(join(checkpoint, name), "utf8");

describe("a checkpoint", () => {
  test("has all that its model's folder says of texts, templates in files of their own included", async () => {
    const checkpoint = await checkpointOf("run");
    for (const [name, text] of Object.entries(texts)) expect(textOf(checkpoint, name)).toBe(text);
  });

  test("of conversations has the template that they were rendered with, and none that would go before it", async () => {
    const checkpoint = await checkpointOf("chat-run", place("chat"));
    expect(textOf(checkpoint, "tokenizer_config.json")).toContain("the dataset's");
    for (const name of ["special_tokens_map.json", "generation_config.json"] as const)
      expect(textOf(checkpoint, name)).toBe(texts[name]);
    for (const name of Object.keys(texts).filter((each) => each.endsWith(".jinja")))
      expect(existsSync(join(checkpoint, name))).toBe(false);
  });
});
