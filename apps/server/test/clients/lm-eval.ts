/**
 * lm-evaluation-harness, which scores a server through /v1/completions: its log-likelihoods are `dynamo eval tasks`' on the same
 * requests. It is Python: `DYNAMO_PYTHON` names one that has it, else `python3` is asked.
 */
import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { scoreContinuations } from "@dynamo/eval";
import { loadModel } from "@dynamo/model";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { modelPath } from "@dynamo/stories";
import { describe, expect, test } from "vitest";
import type { Served } from "./place.js";

const python = process.env["DYNAMO_PYTHON"] ?? "python3";
const has = spawnSync(python, ["-c", "import lm_eval, transformers, aiohttp, tenacity"]).status === 0;
if (!has) console.warn(`lm-evaluation-harness is skipped: ${python} has no lm_eval (DYNAMO_PYTHON names another)`);

const script = fileURLToPath(new URL("./lm-eval.py", import.meta.url));

const items = [
  { context: "Once upon a time, there was a little", continuation: " girl" },
  { context: "Once upon a time, there was a little", continuation: " girl named Lily. She loved to play outside." },
  { context: "The cat sat on the", continuation: " mat" },
  { context: "The cat sat on the", continuation: " theory of numbers" },
  { context: "Tom and Sue went to the park. They saw a big", continuation: " dog." },
];

interface Scored {
  readonly scores: readonly (readonly [logLikelihood: number, greedy: boolean])[];
  readonly texts: readonly string[];
}

/** Its answer to the items, and to a text that it asks for. */
async function harness(baseURL: string): Promise<Scored> {
  const child = spawn(python, [script, `${baseURL}/completions`, modelPath, JSON.stringify(items)], {
    env: { ...process.env, HF_HUB_OFFLINE: "1", TOKENIZERS_PARALLELISM: "false", OPENAI_API_KEY: "none" },
  });
  const said = { out: "", err: "" };
  child.stdout.on("data", (data) => (said.out += String(data)));
  child.stderr.on("data", (data) => (said.err += String(data)));
  const code = await new Promise((resolve) => child.once("close", resolve));
  expect(code, said.err).toBe(0);
  return JSON.parse(said.out.trim().split("\n").at(-1) ?? "") as Scored;
}

export function lmEvalSuite(served: Served): void {
  describe.skipIf(!has)("lm-evaluation-harness", () => {
    test("scores as dynamo eval tasks does, and writes on", async () => {
      const { scores, texts } = await harness(served().baseURL);
      const runtime = createNodeRuntime({ device: "cpu" });
      const model = await loadModel(runtime, modelPath);
      const own = await scoreContinuations(model, items);
      await runtime.dispose();
      expect(scores.map(([, greedy]) => greedy)).toEqual(own.map(({ greedy }) => greedy));
      for (const [i, [logLikelihood]] of scores.entries())
        expect(logLikelihood).toBeCloseTo(own[i]?.logLikelihood ?? NaN, 3);
      expect(texts).toEqual([expect.stringMatching(/^[^.]+$/)]);
    });
  });
}
