import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadTokenizer } from "@dynamo/tokenizer";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TokenRows } from "../../batch.js";
import { byteTokenizer, endOfText } from "../__fixtures__/byte-tokenizer.js";
import { openDataset } from "../dataset.js";
import { prepareChatDataset, type ChatPrepareOptions } from "./prepare-chat.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-chat-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const tokenizer = loadTokenizer({ tokenizerJson: byteTokenizer() });
let made = 0;
const options = (content: string, more: Partial<ChatPrepareOptions> = {}): ChatPrepareOptions => {
  const file = join(folder, `pairs-${made++}.json`);
  writeFileSync(file, content);
  return {
    sources: [{ name: "pairs", files: [file] }],
    tokenizerJson: byteTokenizer(),
    endOfText,
    out: join(folder, `dataset-${made}`),
    workers: 1,
    heldOutFraction: 0,
    rowTokens: 256,
    ...more,
  };
};
const pair = (instruction: string, output: string): object => ({ instruction, input: "", output });

/** All rows of a split, held-out ones once. */
async function rowsOf(out: string, split: "train" | "held-out", sequenceLength = 256): Promise<Required<TokenRows>> {
  const dataset = await openDataset(out);
  const source = dataset.manifest.sources[0] ?? expect.fail("no source");
  const batchSize = source[split].tokens / (dataset.manifest.chat?.rowTokens ?? 1);
  const batches = dataset.batches({ split, batchSize, sequenceLength, seed: 1 });
  const rows = await batches.next();
  await batches.close();
  await dataset.close();
  return { tokens: rows?.tokens ?? expect.fail(), counted: rows?.counted ?? expect.fail("no flags") };
}

/** The texts of the runs of counted tokens, each with its end-of-text. */
function answersOf({ tokens, counted }: Required<TokenRows>): string[] {
  const answers: string[] = [];
  let run: number[] = [];
  for (const [i, id] of tokens.entries()) {
    if (counted[i] !== 1) {
      expect(run).toEqual([]);
      continue;
    }
    if (id !== endOfText) run.push(id);
    else {
      answers.push(tokenizer.decode(run));
      run = [];
    }
  }
  return answers;
}

const text = fc
  .string({ unit: "grapheme", minLength: 1, maxLength: 24 })
  .map((each) => each.trim())
  .filter((each) => each !== "");

describe("prepareChatDataset", () => {
  it("counts exactly the answers and their ends, whatever the conversations", async () => {
    const turns = fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(fc.array(turns, { minLength: 1, maxLength: 8 }), async (conversations) => {
        const lines = conversations.map((each) =>
          JSON.stringify({
            messages: each.flatMap(([question, answer]) => [
              { role: "user", content: question },
              { role: "assistant", content: answer },
            ]),
          }),
        );
        const prepared = options(lines.join("\n"), { rowTokens: 1024 });
        const summary = await prepareChatDataset(prepared);
        const answers = answersOf(await rowsOf(prepared.out, "train", 1024));
        expect(answers.toSorted()).toEqual(
          conversations.flatMap((each) => each.map(([, answer]) => answer)).toSorted(),
        );
        expect([summary.conversations, summary.cut, summary.tooLong]).toEqual([conversations.length, 0, 0]);
      }),
      { numRuns: 10 },
    );
  });

  it("feeds an answer what chatting will: the rendered prompt, and nothing before it", async () => {
    const prepared = options(JSON.stringify([pair("Who?", "I.")]), { rowTokens: 64 });
    await prepareChatDataset(prepared);
    const { tokens, counted } = await rowsOf(prepared.out, "train", 70);
    const config = JSON.parse(readFileSync(join(prepared.out, "tokenizer_config.json"), "utf8")) as unknown;
    const { applyChatTemplate } = loadTokenizer({ tokenizerJson: byteTokenizer(), tokenizerConfig: config });
    const prompt = tokenizer.encode(applyChatTemplate([{ role: "user", content: "Who?" }]));
    const first = counted.indexOf(1);
    expect([...tokens.subarray(0, first)]).toEqual([...prompt]);
    expect(prompt[0]).toBe(endOfText);
    expect(new TextDecoder().decode(Uint8Array.from(prompt.subarray(1)))).toBe("User:\nWho?\n\nAssistant:\n");
    expect([...tokens.subarray(first + 3)]).toEqual(new Array(70 - first - 3).fill(endOfText));
    expect([...counted.subarray(first)]).toEqual([1, 1, 1, ...new Array(70 - first - 3).fill(0)]);
  });

  it("reads Alpaca, Dolly, chat messages and ShareGPT, in lists and lines", async () => {
    const records = [
      { instruction: "Add", input: "1, 2", output: "3" },
      { instruction: "Who", context: "A book", response: "B", category: "qa" },
      {
        messages: [
          { role: "system", content: "Be" },
          { role: "user", content: "q" },
          { role: "assistant", content: "a" },
        ],
      },
      {
        conversations: [
          { from: "human", value: "h" },
          { from: "gpt", value: "g" },
          { from: "human", value: "bye" },
        ],
      },
    ];
    for (const content of [
      JSON.stringify(records, undefined, 2),
      records.map((each) => JSON.stringify(each)).join("\n"),
    ]) {
      const prepared = options(content);
      await prepareChatDataset(prepared);
      const rows = await rowsOf(prepared.out, "train");
      expect(answersOf(rows).toSorted()).toEqual(["3", "B", "a", "g"]);
      const all = tokenizer.decode(rows.tokens);
      for (const part of ["User:\nAdd\n\n1, 2\n\nAssistant:\n3", "User:\nWho\n\nA book\n\nAssistant", "Be\n\nUser:\nq"])
        expect(all).toContain(part);
      expect(all).not.toContain("bye");
    }
  });

  it("cuts what is longer than a row, leaves out what has no answer in it, and counts both and blank ones", async () => {
    const records = [pair("q", "x".repeat(500)), pair("q".repeat(400), "a"), pair("q", " "), pair("why", "because")];
    const prepared = options(JSON.stringify(records), { rowTokens: 64 });
    const summary = await prepareChatDataset(prepared);
    expect(summary).toMatchObject({ conversations: 2, cut: 1, tooLong: 1, blank: 1, documents: 2 });
    const { tokens, counted } = await rowsOf(prepared.out, "train", 64);
    expect(summary.answerTokens).toBe(counted.reduce((sum, flag) => sum + flag, 0));
    // The row of the long one ends in the middle of its answer: nothing teaches to stop there.
    expect([tokens[63], tokens[127]]).toContain("x".charCodeAt(0));
  });

  it("keeps a question on one side, and gives held-out rows that fill no batch", async () => {
    const records = Array.from({ length: 200 }, (_, i) => pair(`question ${i % 100}`, `answer ${i}`));
    const prepared = options(JSON.stringify(records), { heldOutFraction: 0.1 });
    await prepareChatDataset(prepared);
    const [train, held] = [await rowsOf(prepared.out, "train"), await rowsOf(prepared.out, "held-out")].map((rows) =>
      answersOf(rows).map((answer) => Number(answer.slice(7)) % 100),
    );
    expect([train?.length ?? 0, held?.length ?? 0].reduce((a, b) => a + b)).toBe(200);
    expect(held?.some((question) => train?.includes(question))).toBe(false);
    const dataset = await openDataset(prepared.out);
    const batches = dataset.batches({ split: "held-out", batchSize: 1000, sequenceLength: 256, seed: 0 });
    expect((await batches.next())?.counted?.at(-1)).toBe(0);
    expect(await batches.next()).toBeUndefined();
    await dataset.close();
  });

  it("makes the same bytes whatever the workers, and goes on from a position", async () => {
    const records = Array.from({ length: 400 }, (_, i) => pair(`question ${i}`, `${"a".repeat(i % 90)}${i}`));
    const [one, three] = [1, 3].map((workers) => options(JSON.stringify(records), { workers, shardTokens: 1000 }));
    await prepareChatDataset(one as ChatPrepareOptions);
    await prepareChatDataset(three as ChatPrepareOptions);
    const manifest = (which?: ChatPrepareOptions): string =>
      readFileSync(join(which?.out ?? "", "dataset.json"), "utf8");
    expect(manifest(three)).toBe(manifest(one));
    const dataset = await openDataset(one?.out ?? "");
    const training = { split: "train", batchSize: 3, sequenceLength: 260, seed: 5 } as const;
    const whole = dataset.batches(training);
    await whole.next();
    const position = whole.position;
    const expected = await whole.next();
    expect(await dataset.batches({ ...training, position }).next()).toEqual(expected);
    expect(() => dataset.batches({ ...training, sequenceLength: 255 })).toThrow(/rows of 256 tokens.*received 255/);
    await dataset.close();
  });

  it("takes another template, and the tokenizer's own", async () => {
    const template =
      "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
    for (const more of [{ template }, { tokenizerConfig: { chat_template: template } }]) {
      const prepared = options(JSON.stringify([pair("q", "a")]), more);
      await prepareChatDataset(prepared);
      const rows = await rowsOf(prepared.out, "train");
      expect(answersOf(rows)).toEqual([" a"]);
      expect(tokenizer.decode(rows.tokens)).toBe("[user] q[assistant] a");
    }
  });
});

describe("prepareChatDataset refuses", () => {
  const rejected = async (wrong: ChatPrepareOptions, code: string, message: RegExp): Promise<void> => {
    await expect(prepareChatDataset(wrong)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  };
  const good = JSON.stringify(pair("q", "a"));
  const role = (name: string): string => `{"messages":[{"role":"${name}","content":"x"}]}`;
  const records: [string, string, RegExp][] = [
    [
      "a record of no known form",
      `[${good},\n\n{"text":"x"}]`,
      /pairs-\d+\.json:3 \(record 2\): expected .* fields text/,
    ],
    ["a line that is not JSON", `${good}\n\n{"instruction":`, /:3 \(record 2\) is not JSON/],
    ["an element that is not JSON", `[${good},\n nonsense]`, /:2 \(record 2\) is not JSON/],
    ["a list without an end", `[${good},\n`, /:1 \(record 2\): the list does not end|:2 .*the list does not end/],
    ["text after the list", `[${good}] {}`, /nothing after the list/],
    ["an answer that is no text", `[{"instruction":"q","output":1}]`, /record 1\): output: expected text, received 1/],
    ["an unknown role", role("robot"), /messages\[0\]: expected a role .* received "robot"/],
    ["a role of the prototype", role("constructor"), /expected a role/],
    ["a conversation without an answer", role("user"), /expected an answer/],
    ["a special token in a text", `[{"instruction":"<|endoftext|>","output":"a"}]`, /contains the special token/],
  ];
  for (const [what, content, message] of records) it(what, () => rejected(options(content), "invalid-file", message));

  it("templates that answers cannot be found in", async () => {
    const wrong: [string, RegExp][] = [
      ["{% for m in messages %}{{ m.content }}{% endfor %}", /does not end an answer with a special token/],
      ["{% for m in messages %}{{ m.content | upper }}{{ eos_token }}{% endfor %}", /changes an answer/],
      ["{{ messages | length }}{{ messages[-1].content }}{{ eos_token }}", /beginning of a conversation otherwise/],
      ["{% for %}", /chat template failed/],
    ];
    for (const [template, message] of wrong)
      await expect(prepareChatDataset(options(`[${good}]`, { template }))).rejects.toThrow(message);
  });

  it("rows too short, and files without a record", async () => {
    await rejected(options(good, { rowTokens: 4 }), "invalid-argument", /rowTokens/);
    await rejected(options("[]"), "invalid-argument", /no documents/);
  });
});
