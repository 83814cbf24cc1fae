/** Every family writes with every strategy: tiny checkpoints of @dynamo/model, with masks counted from their own text. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNgramCounter, encodeMask } from "@dynamo/cooccurrence";
import type { Runtime } from "@dynamo/core";
import { autoregressive, dynamo, generate, verified } from "@dynamo/decode";
import { loadModel, maskPath } from "@dynamo/model";
import { convertCheckpoint } from "@dynamo/model/convert";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { afterAll, beforeAll, expect, test } from "vitest";

const families = join(import.meta.dirname, "../../../packages/model/test/__fixtures__/families");

let runtime: Runtime;
let folder: string;
beforeAll(async () => {
  runtime = createNodeRuntime({ device: "cpu" });
  folder = await mkdtemp(join(tmpdir(), "dynamo-decode-families-"));
});
afterAll(async () => {
  await runtime.dispose();
  await rm(folder, { recursive: true });
});

test.each(readdirSync(families))(
  "%s: verified text is the base's own; dynamo emits several tokens per pass",
  async (name) => {
    const { tokens } = JSON.parse(readFileSync(join(families, name, "tokens.json"), "utf8")) as { tokens: number[][] };
    const place = join(folder, name);
    await convertCheckpoint(join(families, name), place, { dtypes: ["fp32"] });
    const counter = createNgramCounter({ order: 2, vocabularySize: 60 });
    for (const row of tokens) counter.add(row);
    await writeFile(join(place, maskPath), encodeMask(counter.finish({ minCount: 1 })));
    const model = await loadModel(runtime, place);
    expect(model.cooccurrence?.order).toBe(2);
    const write = (strategy: ReturnType<typeof dynamo>) =>
      generate(model, tokens[0] ?? [], { strategy, maxNewTokens: 24, stopAtEndOfText: false, seed: 5 });

    const greedy = await write(autoregressive({ temperature: 0 }));
    const lossless = await write(verified({ temperature: 0 }));
    expect(lossless.tokens).toEqual(greedy.tokens);
    const several = await write(dynamo({ temperature: 1, backoff: 0 }));
    expect(several.tokens).toHaveLength(24);
    expect(several.statistics.passes).toBe(12);
    await model.dispose();
  },
);
