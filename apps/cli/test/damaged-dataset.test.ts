/** A dataset of which a shard was overwritten: no run begins with it or goes on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { runCli } from "./run-cli.js";
import { makeTrainingFiles, succeeded, writeConfig } from "./training-files.js";

const folder = mkdtempSync(join(tmpdir(), "dynamo-damaged-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("train --resume ends with exit code 3 and the shard's name", async () => {
  const { dataset } = await makeTrainingFiles(folder);
  const config = await writeConfig(join(folder, "config.json"), { dataset, steps: 1 });
  const run = join(folder, "run");
  succeeded(await runCli(["train", config, "--out", run]));
  const shard = join(dataset, "text", "train-00000.bin");
  writeFileSync(shard, new Uint8Array(readFileSync(shard).length));
  for (const args of [
    ["--out", run, "--resume"],
    [config, "--out", join(folder, "other")],
    [config, "--export-torch", join(folder, "export")],
  ]) {
    const { code, stdout, stderr } = await runCli(["train", ...args, "--json"]);
    expect([code, stderr]).toEqual([
      3,
      expect.stringContaining("text/train-00000.bin is not the file that dataset.json lists"),
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "invalid-file" } });
  }
});
