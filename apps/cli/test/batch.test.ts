/** `dynamo batch`, stopped and killed where it hurts. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, appendFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { command, spawnCli } from "./run-cli.js";

let folder: string;
let [input, output] = ["", ""];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dynamo-batch-"));
  [input, output] = [join(folder, "in.jsonl"), join(folder, "out.jsonl")];
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly id: string;
  readonly custom_id: string;
  readonly response: { readonly status_code: number; readonly body: { id: string; choices: { text: string }[] } };
}

const line = (i: number, body: object = {}): string =>
  JSON.stringify({
    ...{ custom_id: `line-${i}`, method: "POST", url: "/v1/completions" },
    body: { prompt: "Once upon a time", max_tokens: 40, seed: i, ...body },
  });
const write = (lines: readonly string[]): void => writeFileSync(input, `${lines.join("\n")}\n`);
const text = (): string => (existsSync(output) ? readFileSync(output, "utf8") : "");
const answers = (): Answer[] =>
  text()
    .trimEnd()
    .split("\n")
    .map((each) => JSON.parse(each) as Answer);
const batch = ["batch", "--device", "cpu"];

describe("dynamo batch", () => {
  it("answers every line, refusals too, and does nothing again", async () => {
    write([line(0), line(1, { temperature: 9 }), line(2)]);
    const first = await spawnCli([...batch, input, "--out", output]);
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining("3 of 3 lines; 1 requests were refused") });
    const status = Object.fromEntries(answers().map(({ custom_id: id, response }) => [id, response.status_code]));
    expect(status).toEqual({ "line-0": 200, "line-1": 400, "line-2": 200 });
    const before = text();
    const second = await spawnCli([...batch, input, "--out", output]);
    expect(second).toMatchObject({ code: 0, stderr: expect.stringContaining("3 of 3 lines, 3 of them from before") });
    expect(text()).toBe(before);
  });

  it("killed in the middle and begun again: every line once, those from before untouched, the text the same", async () => {
    const count = 60;
    write(Array.from({ length: count }, (_, i) => line(i)));
    const child = spawn(process.execPath, [command, ...batch, input, "--out", output], { stdio: "ignore" });
    while (text().split("\n").length < 10) await delay(20);
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
    const kept = text().slice(0, text().lastIndexOf("\n") + 1);
    expect(kept.split("\n").length).toBeLessThan(count);
    appendFileSync(output, '{"id":"batch_req_12');
    expect(await spawnCli([...batch, input, "--out", output])).toMatchObject({ code: 0 });
    expect(text().startsWith(kept)).toBe(true);
    expect(
      answers()
        .map(({ custom_id: id }) => id)
        .sort(),
    ).toEqual(Array.from({ length: count }, (_, i) => `line-${i}`).sort());
    const again = join(folder, "again.jsonl");
    expect(await spawnCli([...batch, input, "--out", again])).toMatchObject({ code: 0 });
    const texts = (all: readonly Answer[]): object =>
      Object.fromEntries(all.map(({ custom_id: id, response }) => [id, response.body.choices[0]?.text]));
    const whole = texts(answers());
    output = again;
    expect(texts(answers())).toEqual(whole);
  });

  it("Ctrl-C: what is finished stays, exit code 130", async () => {
    write(Array.from({ length: 200 }, (_, i) => line(i, { max_tokens: 200 })));
    const child = spawn(process.execPath, [command, ...batch, input, "--out", output], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (data) => (stderr += String(data)));
    while (text() === "") await delay(20);
    const gone = once(child, "exit") as Promise<[number | null]>;
    child.kill("SIGINT");
    expect(await gone).toEqual([130, null]);
    expect(stderr).toMatch(/\d+ of 200 lines are finished: the same command goes on/);
    expect(answers().length).toBeGreaterThan(0);
  });

  it("an input with faults, and an output that is none, are refused and stay as they are", async () => {
    write([line(0), "{", line(0)]);
    const faulty = await spawnCli([...batch, input, "--out", output]);
    expect(faulty).toMatchObject({ code: 3, stderr: expect.stringMatching(/line 2 is no JSON.*line 3: custom_id/) });
    expect(existsSync(output)).toBe(false);
    write([line(0)]);
    for (const mine of ["my only copy\nof a text\n", "my only copy"]) {
      writeFileSync(output, mine);
      const other = await spawnCli([...batch, input, "--out", output]);
      expect(other).toMatchObject({
        code: 3,
        stderr: expect.stringContaining("line 1: expected an answer of a batch"),
      });
      expect(text()).toBe(mine);
    }
    expect(await spawnCli([...batch, input, "--out", input])).toMatchObject({ code: 2 });
  });
});
