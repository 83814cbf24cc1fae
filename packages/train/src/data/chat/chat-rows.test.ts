/** Rows of conversations with published models' templates and their kinds of tokenizers; the right values are transformers'. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer, type ChatMessage } from "@dynamo/tokenizer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDataset } from "../dataset.js";
import { prepareChatDataset } from "./prepare-chat.js";

interface Case {
  readonly template: string;
  readonly tokenizer: string;
  readonly config: Readonly<Record<string, string>>;
  readonly conversation: string;
  readonly messages: readonly ChatMessage[];
  /** The template refuses the messages with these words. */
  readonly refused?: string;
  readonly rows?: readonly { readonly ids: readonly number[]; readonly counted: readonly number[] }[];
  /** Ids of the messages before the last answer, with the generation prompt. */
  readonly prompt?: readonly number[];
}

const { tokenizers, cases } = JSON.parse(
  readFileSync(new URL("__fixtures__/chat-rows.json", import.meta.url), "utf8"),
) as { readonly tokenizers: Readonly<Record<string, unknown>>; readonly cases: readonly Case[] };
const templates = new URL("../../../../tokenizer/src/jinja/__fixtures__/templates/", import.meta.url);
const rowTokens = 160;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-chat-rows-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test.each(cases.map((each): [string, Case] => [`${each.template}: ${each.conversation}`, each]))(
  "%s",
  async (name, { template, tokenizer: kind, config, messages, refused, rows = [], prompt }) => {
    const tokenizerJson = tokenizers[kind];
    const chatTemplate = readFileSync(new URL(`${template}.jinja`, templates), "utf8");
    const tokenizerConfig = { ...config, chat_template: chatTemplate };
    const tokenizer = loadTokenizer({ tokenizerJson, tokenizerConfig });
    const endOfText = tokenizer.encode(config["eos_token"] ?? "")[0] ?? -1;
    const [file, out] = ["json", "dataset"].map((end) => join(folder, `${name.replaceAll(/\W/g, "-")}.${end}`)) as [
      string,
      string,
    ];
    writeFileSync(file, JSON.stringify([{ messages }]));
    const sources = [{ name: "chat", files: [file] }];
    const settings = { tokenizerJson, tokenizerConfig, endOfText, workers: 1, heldOutFraction: 0, rowTokens };
    const prepared = prepareChatDataset({ ...settings, sources, out });
    if (refused !== undefined) {
      await expect(prepared).rejects.toThrow(`${file}:1 (record 1): ${refused}`);
      return;
    }
    expect((await prepared).conversations).toBe(rows.length);
    const dataset = await openDataset(out);
    const batches = dataset.batches({ split: "train", batchSize: 1, sequenceLength: rowTokens, seed: 1 });
    const { tokens, counted } = (await batches.next()) ?? expect.fail("no row");
    await batches.close();
    await dataset.close();
    const [ids, flags] = [rows.flatMap((row) => row.ids), rows.flatMap((row) => row.counted)];
    const padding = rowTokens - ids.length;
    const lastEnd = rows[0]?.ids.at(-1) ?? -1;
    expect(dataset.manifest.chat?.answerEnds).toEqual([lastEnd]);
    expect([...tokens]).toEqual([...ids, ...new Array<number>(padding).fill(endOfText)]);
    expect([...(counted ?? [])]).toEqual([...flags, ...new Array<number>(padding).fill(0)]);
    expect([...tokenizer.encode(tokenizer.applyChatTemplate(messages.slice(0, -1)))]).toEqual(prompt);
  },
);
