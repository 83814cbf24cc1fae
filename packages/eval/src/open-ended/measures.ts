/**
 * What can be said of texts without a judge: their log-likelihood under a local scorer, how they repeat themselves and vary,
 * and how far they are from real ones.
 */
import { DynamoError } from "@dynamo/core";
import { checkOptions, required, whole, type OptionChecks } from "@dynamo/core/options";
import { folderCheck, pathCheck } from "../arguments.js";
import type { Evaluation, JsonObject } from "../evaluation.js";
import { hashFile } from "../hash-file.js";
import { divergenceScore } from "./divergence.js";
import { summarizeMeasures, type MeasuresSummary } from "./measures-summary.js";
import { contextOf } from "./prompts.js";
import { readRealTexts } from "./real-texts.js";
import { distinct, distinctOrders, distinctWithoutEach, repetition, repetitionOrders } from "./repetition.js";
import { readTexts, type TextsFile } from "./results-file.js";
import { scoreTexts } from "./score-texts.js";
import { typesOf } from "./summary.js";
import { wordsOf } from "./words.js";
import type { MeasuresJob, MeasuresResult } from "./measures-result.js";

/** Settings of measuring open-ended text. */
export interface MeasuresSettings {
  /** Results of open-ended text. */
  readonly texts: string;
  /** A model folder that scores the texts, with a tokenizer of its own; better a larger one than theirs. */
  readonly scorer?: string | undefined;
  /** A file of real documents. */
  readonly real?: string | undefined;
  /** Of the real documents that are drawn, and of the clusters. Default 0. */
  readonly seed?: number | undefined;
}

const checks: OptionChecks<MeasuresSettings> = {
  texts: required(pathCheck),
  scorer: folderCheck,
  real: pathCheck,
  seed: whole(0),
};

/** Throws `not-found` and `invalid-file` for its files. */
export async function measures(
  settings: MeasuresSettings,
): Promise<Evaluation<MeasuresJob, MeasuresResult, MeasuresSummary>> {
  checkOptions("measures()", settings, checks);
  const { texts: path, scorer, real: realFile, seed = 0 } = settings;
  const texts = await readTexts(path);
  const real = realFile === undefined ? undefined : { file: realFile, hash: await hashFile(realFile) };
  let references: Promise<OwnText[]> | undefined;
  // A document is a prompt of its own, of which there is one text.
  const realOnce = (file: string, signal: AbortSignal): Promise<OwnText[]> =>
    (references ??= readRealTexts(file, { ...shapeOf(texts), seed, signal }).then((real) =>
      real.map((each, prompt) => ({ prompt, type: "", seed: 0, ...each })),
    ));
  const about: JsonObject = { texts: path, hash: texts.hash, seed };
  return {
    kind: "measures",
    models: scorer === undefined ? [] : [scorer],
    settings: { ...about, ...(scorer === undefined ? {} : { scorer }), ...(real === undefined ? {} : { real }) },
    *jobs() {
      for (const setting of [null, ...texts.settings.keys()]) yield { setting };
      if (real !== undefined) yield { setting: "real" };
    },
    async run({ setting }, worker) {
      const { signal } = worker;
      const references = real === undefined ? undefined : await realOnce(real.file, signal);
      const own = setting === "real" ? (references ?? []) : textsOf(texts, setting);
      const words = own.map(({ text }) => wordsOf(text));
      const logLikelihoods = scorer === undefined ? [] : await scoreTexts(await worker.model(scorer), own, signal);
      const distinctOf = (type?: string): (number | null)[] => {
        const chosen = words.filter((_, i) => type === undefined || own[i]?.type === type);
        return distinctOrders.map((n) => distinct(chosen, n));
      };
      const written = own.map(({ text }) => text).filter((text) => text.trim() !== "");
      const others = references?.map(({ text }) => text);
      return {
        setting,
        texts: own.map(({ prompt, seed: textSeed }, i) => ({
          ...{ prompt, seed: textSeed, logLikelihood: logLikelihoods[i] ?? null },
          repetition: repetitionOrders.map((n) => repetition(words[i] ?? [], n)),
        })),
        distinct: distinctOf(),
        distinctWithout: [
          ...distinctWithoutEach(
            own.map(({ prompt }, i) => ({ prompt, words: words[i] ?? [] })),
            2,
          ),
        ],
        distinctByType: Object.fromEntries(
          (setting === "real" ? [] : typesOf(texts.prompts)).map((type) => [type, distinctOf(type)]),
        ),
        divergence: others === undefined || setting === "real" ? null : divergenceScore(written, others, { seed }),
      };
    },
    summarize: (results) => summarizeMeasures(results, texts),
  };
}

interface OwnText {
  readonly prompt: number;
  readonly type: string;
  readonly seed: number;
  readonly context: string;
  readonly text: string;
}

function textsOf({ prompts, base, settings }: TextsFile, setting: number | null): OwnText[] {
  const all = (setting === null ? base : settings[setting]?.prompts) ?? [];
  return all.flatMap(({ prompt, texts }) => {
    const asked = prompts[prompt];
    const { type = "" } = asked ?? {};
    const context = asked === undefined ? "" : contextOf(asked);
    return texts.map(({ seed, text }) => ({ prompt, type, seed, context, text }));
  });
}

/** As many real texts as the base has, of its texts' median length. */
function shapeOf({ base }: TextsFile): { readonly count: number; readonly words: number } {
  const lengths = base.flatMap(({ texts }) => texts.map(({ text }) => text.match(/\S+/g)?.length ?? 0));
  const median = [...lengths].sort((a, b) => a - b)[Math.floor(lengths.length / 2)] ?? 0;
  if (median === 0) throw new DynamoError("invalid-file", "most of the base's texts are empty: expected words");
  return { count: lengths.length, words: median };
}
