/** Which graph of a model folder runs. Chromium's WebGPU in software has no float16, as many a GPU of phones. */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "@dynamo/model";
import { convertCheckpoint, writeRandomCheckpoint } from "@dynamo/model/convert";
import { modelPath } from "@dynamo/stories";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chromiumPath, openPage, openSite, softwareGpu, type Site } from "./browser.js";
import { hold } from "./drag.js";

const executable = chromiumPath();
const config = {
  architectures: ["GPTNeoXForCausalLM"],
  model_type: "gpt_neox",
  vocab_size: 4096,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: 64,
  dynamo: { token_heads: 2 },
};

/** A tiny random model with a graph in fp32 and one in fp16. */
async function makeModel(folder: string): Promise<string> {
  const checkpoint = join(folder, "checkpoint");
  await writeRandomCheckpoint(checkpoint, { config: parseConfig(config), seed: 1 });
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(modelPath, name), join(checkpoint, name));
  await convertCheckpoint(checkpoint, join(folder, "model"), { dtypes: ["fp32", "fp16"] });
  return join(folder, "model");
}

async function pick(page: Page, label: string, option: RegExp): Promise<void> {
  await page.getByRole("combobox", { name: label }).click();
  await page.getByRole("option", { name: option }).click();
}

describe.skipIf(executable === undefined)("the dtype", () => {
  let site: Site;
  let folder: string;
  let model: string;
  beforeAll(async () => {
    site = await openSite(executable ?? "", softwareGpu);
    folder = mkdtempSync(join(tmpdir(), "dynamo-dtype-"));
    model = await makeModel(folder);
  });
  afterAll(async () => {
    await site.close();
    rmSync(folder, { recursive: true });
  });

  it("is chosen for the device, or by the visitor and the link", async () => {
    const { page, complaints } = await openPage(site, "?device=webgpu&model=folder&length=4");
    await (await hold(page, [model])).drop();
    await page.getByText(/^Ready: 2 token heads, fp32, no mask, on webgpu/).waitFor();
    await pick(page, "Weights (dtype)", /^fp16/);
    await page.getByText(/this GPU has no float16 shaders .* choose a graph of another dtype/).waitFor();
    await page.waitForURL(/dtype=fp16/);
    await pick(page, "Device", /WASM/);
    await page.getByText(/^Ready: 2 token heads, fp16, no mask, on wasm/).waitFor();
    await pick(page, "Weights (dtype)", /^q4/);
    await page.getByText(/has fp32, fp16; expected q4/).waitFor();
    await pick(page, "Weights (dtype)", /^automatic/);
    await page.getByText(/^Ready: 2 token heads, fp32, no mask, on wasm/).waitFor();
    expect(complaints).toEqual([]);
  });
});
