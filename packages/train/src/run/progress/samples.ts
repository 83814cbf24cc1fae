/** Samples of a checkpoint while training goes on: the text that the finished model would write. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DynamoError, type Runtime } from "@dynamo/core";
import {
  abortSignal,
  checkOptions,
  checkValue,
  flag,
  listOf,
  oneOf,
  text as textCheck,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { autoregressive, dynamo, generate } from "@dynamo/decode";
import { loadModel, type LoadedModel, type ModelDType } from "@dynamo/model";
import { convertCheckpoint } from "@dynamo/model/convert";
import { folderCheck, runtimeCheck } from "../../arguments.js";
import type { SampleMetrics } from "./metrics.js";

export interface SampleOptions {
  readonly maxNewTokens?: number;
  /** In which the checkpoint is run; fp32 when absent. */
  readonly dtype?: ModelDType;
  readonly seed?: number;
  /** The prompts are a person's messages: each is put through the checkpoint's chat template. */
  readonly chat?: boolean;
  readonly signal?: AbortSignal | undefined;
}

const checks: OptionChecks<SampleOptions> = {
  maxNewTokens: whole(1),
  dtype: oneOf("fp32", "fp16", "q8", "q4", "int8"),
  seed: whole(0),
  chat: flag,
  signal: abortSignal,
};

/**
 * Continues every prompt; with token heads by the dynamo strategy, without a mask. A sample's prompt is what the model was given.
 * Throws `unsupported` for `chat` without a chat template.
 */
export async function sampleCheckpoint(
  runtime: Runtime,
  checkpoint: string,
  step: number,
  prompts: readonly string[],
  options: SampleOptions = {},
): Promise<SampleMetrics[]> {
  checkValue("runtime", runtime, runtimeCheck);
  checkValue("checkpoint", checkpoint, folderCheck);
  checkValue("step", step, whole(0));
  checkValue("prompts", prompts, listOf(textCheck, "a list of texts"));
  checkOptions("sampleCheckpoint()", options, checks);
  const { maxNewTokens = 60, dtype = "fp32", seed = 0, chat = false, signal } = options;
  if (prompts.length === 0) return [];
  const place = await mkdtemp(join(tmpdir(), "dynamo-sample-"));
  try {
    await convertCheckpoint(checkpoint, join(place, "model"), { dtypes: [dtype], signal });
    const model = await loadModel(runtime, join(place, "model"), { signal });
    try {
      const samples: SampleMetrics[] = [];
      for (const text of prompts) {
        const prompt = chat ? asMessage(model, text) : { text, ids: model.tokenizer.encode(text) };
        const strategy = model.config.tokenHeads > 1 ? dynamo({ backoff: 0.5 }) : autoregressive();
        const sample = await generate(model, prompt.ids, { strategy, maxNewTokens, seed, signal });
        samples.push({ kind: "sample", step, prompt: prompt.text, text: sample.text });
      }
      return samples;
    } finally {
      await model.dispose();
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The beginning of a conversation, up to where the answer begins. */
function asMessage({ chatTokenizer }: LoadedModel, content: string): { text: string; ids: Int32Array } {
  if (chatTokenizer === undefined) throw new DynamoError("unsupported", "the checkpoint has no tokenizer to chat with");
  const { value, mark } = chatTokenizer.markSpecial([{ role: "user", content }]);
  const marked = chatTokenizer.applyChatTemplate(value);
  return {
    text: mark === undefined ? marked : marked.replaceAll(mark, ""),
    ids: chatTokenizer.encode(marked, { mark }),
  };
}
