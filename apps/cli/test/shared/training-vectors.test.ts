/** `dynamo training-vectors` on reference data, and on a copy of it with one number changed. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCli } from "../run-cli.js";

const shared = process.env["DYNAMO_SHARED"] ?? join(import.meta.dirname, "../../../../../shared");
const vectors = join(shared, "vectors/neox-t1");

describe.skipIf(!existsSync(vectors))("dynamo training-vectors (needs ../shared)", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "dynamo-training-vectors-"));
    cpSync(vectors, join(folder, "wrong"), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("passes every check", async () => {
    const { code, stdout } = await runCli(["training-vectors", vectors]);
    expect([code, stdout.trim()]).toEqual([0, expect.stringMatching(/^\d{2,} passed, 0 failed$/)]);
  });

  it("ends with 1 and the check's name when a number is wrong", async () => {
    const file = join(folder, "wrong", "training.json");
    const json = JSON.parse(readFileSync(file, "utf8")) as { steps: { losses: number[] }[] };
    json.steps[1]?.losses.splice(0, 1, 1);
    rmSync(file, { force: true });
    writeFileSync(file, JSON.stringify(json));
    const { code, stdout } = await runCli(["training-vectors", join(folder, "wrong")]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^step 2: loss of head 1: .* of at most 0\.0001$/m);
    expect(stdout.trim()).toMatch(/passed, 1 failed$/);
  });

  it("ends with 3 where there are no vectors", async () => {
    const { code, stderr } = await runCli(["training-vectors", folder]);
    expect([code, stderr]).toEqual([3, expect.stringContaining("no training vectors")]);
  });
});
