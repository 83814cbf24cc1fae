/** From pairs to a model that answers them, with the built command alone. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli, spawnCli, type CliResult } from "./run-cli.js";

const pairs = [
  { instruction: "Who are you?", input: "", output: "A small model." },
  { instruction: "Add them.", context: "1, 2", response: "3" },
  {
    messages: [
      { role: "user", content: "Bye" },
      { role: "assistant", content: "See you" },
    ],
  },
];
const config = {
  architecture: { hiddenSize: 48, layers: 3, attentionHeads: 2, contextLength: 96 },
  tokenHeads: 2,
  steps: 160,
  batch: 1,
  learningRate: 0.01,
  checkpointEvery: 1000,
};

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-chat-"));
  const at = (name: string): string => join(folder, name);
  await writeFile(at("text.txt"), "the user and the assistant talk about a small model");
  await writeFile(at("pairs.jsonl"), pairs.map((pair) => JSON.stringify(pair)).join("\n"));
  await writeFile(at("config.json"), JSON.stringify(config));
  await run(["tokenizer", "train", at("text.txt"), "--vocabulary", "257", "--out", at("tokenizer")]);
  const prepare = ["data", "prepare-chat", at("pairs.jsonl"), "--tokenizer", at("tokenizer"), "--out", at("data")];
  const prepared = await run([...prepare, "--sequence", "96", "--held-out", "0", "--json"]);
  expect(JSON.parse(prepared.stdout)).toMatchObject({ conversations: 3, cut: 0, tooLong: 0, blank: 0 });
  await run(["train", at("config.json"), "--dataset", at("data"), "--out", at("run"), "--threads", "1"]);
  model = at("run/model");
});
afterAll(() => rm(folder, { recursive: true }));

async function run(args: readonly string[]): Promise<CliResult> {
  const result = await runCli(args);
  expect([result.code, result.stderr.slice(-500)]).toEqual([0, expect.anything()]);
  return result;
}

const greedy = ["--temperature", "0", "--repetition-penalty", "1", "--max-new-tokens", "24"];

describe("dynamo chat", () => {
  it("answers what it has learnt, line by line, with several heads or one", async () => {
    const input = "Who are you?\n/reset\nAdd them.\n/reset\nBye\n/exit\nWho are you?\n";
    for (const strategy of ["verified", "autoregressive"]) {
      const { code, stdout } = await runCli(["chat", model, "--strategy", strategy, ...greedy], { input });
      const lines = stdout.split("\n");
      expect([code, lines[0], lines[2], lines.length]).toEqual([0, "A small model.", "See you", 4]);
    }
  });

  it("answers JSON lines: whole conversations, and messages that go on", async () => {
    const whole = { messages: [{ role: "user", content: "Add them.\n\n1, 2" }] };
    const input = [whole, "Bye"].map((request) => JSON.stringify(request)).join("\n");
    const { code, stdout } = await runCli(["chat", model, "--json", "--strategy", "verified", ...greedy], { input });
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(code).toBe(0);
    expect(answers).toMatchObject([
      { message: { role: "assistant", content: "3" }, finishReason: "end-of-text", dropped: 0 },
      { message: { role: "assistant", content: "See you" }, finishReason: "end-of-text" },
    ]);
  });

  it("drops the oldest turns when the context is full, and says so", async () => {
    const { code, stderr, stdout } = await runCli(["chat", model, ...greedy], { input: "Bye\n".repeat(5) });
    expect(code).toBe(0);
    expect(stderr).toMatch(/the oldest \d+ messages are left out/);
    expect(stdout.split("\n").length).toBeGreaterThanOrEqual(6);
  });

  it("stops an answer on Ctrl-C and answers the next message", async () => {
    const slow = join(folder, "slow.mjs");
    const step = "async () => (await new Promise((done) => setTimeout(done, 200)), { tokens: [40] })";
    await writeFile(slow, `export default { name: "slow", step: ${step} };`);
    const { code, stdout, stderr } = await spawnCli(["chat", model, "--strategy", slow, "--max-new-tokens", "20"], {
      input: "Bye\nBye\n",
      interruptWhen: (text) => text !== "",
    });
    const [first, second] = stdout.split("\n").map(({ length }) => length);
    expect([code, second, stderr]).toEqual([0, 20, expect.stringContaining("stopped")]);
    expect(first).toBeLessThan(20);
  });

  it("carries its template and generation config", async () => {
    const tokenizer = JSON.parse(await readFile(join(model, "tokenizer_config.json"), "utf8")) as object;
    expect(tokenizer).toMatchObject({
      eos_token: "<|endoftext|>",
      chat_template: expect.stringContaining("Assistant:"),
    });
    expect(JSON.parse(await readFile(join(model, "generation_config.json"), "utf8"))).toHaveProperty("eos_token_id");
  });

  it("refuses models without a template, messages that are too long and requests that are none", async () => {
    const plain = join(folder, "plain");
    await cp(model, plain, { recursive: true });
    await writeFile(join(plain, "tokenizer_config.json"), "{}");
    const refused = await runCli(["chat", plain, "--json"], { input: '"Bye"' });
    expect([refused.code, refused.stdout]).toEqual([4, expect.stringContaining("is no chat model")]);
    const long = await runCli(["chat", model], { input: "x".repeat(200) });
    expect([long.code, long.stderr]).toEqual([2, expect.stringContaining("too long for the model")]);
    for (const input of ["nonsense", '{"messages":[]}', '[{"role":"assistant","content":"x"}]', '""']) {
      const { code, stdout } = await runCli(["chat", model, "--json"], { input });
      expect([code, stdout]).toEqual([2, expect.stringContaining("line 1 of standard input")]);
    }
  });
});
