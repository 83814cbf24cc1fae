/**
 * Texts judged by a language model behind an OpenAI-compatible endpoint, with MT-bench's prompts: each alone on a scale from 1
 * to 10, or each against the base's text of the same prompt and seed.
 */
import { createHash } from "node:crypto";
import { DynamoError } from "@dynamo/core";
import {
  checkOptions,
  flag,
  members,
  numberAbove,
  numberFrom,
  oneOf,
  required,
  someText,
  text,
  whole,
  type OptionChecks,
} from "@dynamo/core/options";
import { pathCheck } from "../arguments.js";
import type { Evaluation } from "../evaluation.js";
import type { OpenPrompt } from "../open-ended/prompts.js";
import { readTexts, type TextsFile } from "../open-ended/results-file.js";
import { once } from "../once.js";
import { openAnswerCache } from "./answer-cache.js";
import { createAsking, type Ask } from "./asking.js";
import { createBudget, type BudgetOptions, type Prices } from "./budget.js";
import { openEndpoint, type EndpointOptions } from "./endpoint.js";
import { chooseJudgePrompt, fillTemplate, type JudgeMode, type JudgePrompt } from "./judge-prompts.js";
import { mapPool } from "./pool.js";
import { summarizeJudgements, type JudgeSummary } from "./summary.js";
import { outcomeOf, readPairVerdict, readRating, type Game } from "./verdicts.js";
import type { JudgeJob, JudgedText, JudgeResult } from "./result.js";

/** Settings of a judge. */
export interface JudgeSettings extends Omit<EndpointOptions, "url" | "wait" | "apiKey">, BudgetOptions {
  /** Results of open-ended text. */
  readonly texts: string;
  /** Such as http://127.0.0.1:8080/v1. */
  readonly endpoint: string;
  readonly mode: JudgeMode;
  /** Every pair twice, each text first once; default: once, in an order that `seed` draws. */
  readonly bothOrders?: boolean | undefined;
  /** Default 0. */
  readonly seed?: number | undefined;
  /** A file of judges' prompts in FastChat's form, and one's name; default: MT-bench's pair-v2 and single-v1. */
  readonly promptFile?: string | undefined;
  readonly promptName?: string | undefined;
  /** A file of answers, appended to: what stands in it is not asked again. */
  readonly cache?: string | undefined;
  /** Tokens of an answer at most. Default 2,048. */
  readonly maxTokens?: number | undefined;
  /** Times that a malformed verdict is asked for at most. Default 3. */
  readonly attempts?: number | undefined;
  /** Calls at once. Default 4. */
  readonly concurrency?: number | undefined;
  /** The environment variable with the endpoint's key. Default OPENAI_API_KEY. */
  readonly keyVariable?: string | undefined;
}

const checks: OptionChecks<JudgeSettings> = {
  texts: required(pathCheck),
  endpoint: required(text),
  mode: required(oneOf("pairwise", "single")),
  model: required(someText),
  api: oneOf("chat", "completions"),
  bothOrders: flag,
  seed: whole(0),
  promptFile: pathCheck,
  promptName: text,
  cache: pathCheck,
  maxTokens: whole(1),
  attempts: whole(1),
  concurrency: whole(1),
  retries: whole(0),
  timeoutSeconds: numberAbove(0),
  maxCalls: whole(0),
  maxCost: numberFrom(0),
  prices: members<Prices>({ prompt: required(numberFrom(0)), completion: required(numberFrom(0)) }),
  keyVariable: someText,
};

/** Throws `invalid-argument` for options out of range, `not-found` and `invalid-file` for its files. */
export async function judgeTexts(settings: JudgeSettings): Promise<Evaluation<JudgeJob, JudgeResult, JudgeSummary>> {
  checkOptions("judgeTexts()", settings, checks);
  const { mode, texts: path, endpoint, model, bothOrders = false, seed = 0, prices } = settings;
  const { maxTokens = 2048, attempts = 3, concurrency = 4 } = settings;
  checkUrl(endpoint);
  const texts = await readTexts(path);
  const prompt = await chooseJudgePrompt(mode, { file: settings.promptFile, name: settings.promptName });
  const budget = createBudget(settings);
  const ask = once(async () => {
    const apiKey = process.env[settings.keyVariable ?? "OPENAI_API_KEY"];
    const opened = await openEndpoint({ ...settings, url: endpoint, apiKey });
    const cache = await openAnswerCache(settings.cache);
    return createAsking({ endpoint: opened, model, cache, budget, maxTokens, attempts });
  });
  const about = { mode, endpoint, model, api: settings.api ?? "chat", bothOrders, seed, maxTokens, attempts };
  return {
    kind: "judge",
    alone: "it counts its calls and their costs; --concurrency makes several at once",
    settings: {
      texts: path,
      hash: texts.hash,
      ...about,
      prompt: hashOf(prompt),
      promptName: prompt.name,
    },
    *jobs() {
      const settingsOf = [...(mode === "single" ? [null] : []), ...texts.settings.keys()];
      for (const setting of settingsOf) for (const each of texts.prompts.keys()) yield { prompt: each, setting };
    },
    async run(job, { signal }) {
      const parts = { ask: await ask(), prompt, signal };
      const pairs = pairsOf(texts, job);
      const asked = texts.prompts[job.prompt] as OpenPrompt;
      const judged = await mapPool(pairs, concurrency, (pair) =>
        mode === "single"
          ? judgeAlone(asked, pair, parts)
          : judgePair(asked, pair, {
              ...parts,
              orders: bothOrders ? [false, true] : [drawOrder(seed, job, pair.seed)],
            }),
      );
      const sum = (of: "promptTokens" | "completionTokens"): number =>
        judged.reduce((total, each) => total + each[of], 0);
      const verdicts = judged.map(({ verdict }) => verdict);
      return { ...job, verdicts, promptTokens: sum("promptTokens"), completionTokens: sum("completionTokens") };
    },
    summarize: (results) => summarizeJudgements(results, { texts, mode, prices }),
  };
}

const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

function checkUrl(url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!["http:", "https:"].includes(parsed?.protocol ?? ""))
    throw new DynamoError("invalid-argument", `expected an endpoint such as http://127.0.0.1:8080/v1, received ${url}`);
  if (parsed?.password !== "" || parsed.username !== "")
    throw new DynamoError(
      "invalid-argument",
      "expected an endpoint without a password: a key goes into the environment",
    );
}

interface Pair {
  readonly seed: number;
  readonly text: string;
  readonly base: string;
}

/** Texts with the base's of the same seed. */
function pairsOf(texts: TextsFile, { prompt, setting }: JudgeJob): Pair[] {
  const of = (all: TextsFile["base"] | undefined): TextsFile["base"][number]["texts"] =>
    all?.find((each) => each.prompt === prompt)?.texts ?? [];
  const base = new Map(of(texts.base).map(({ seed, text }) => [seed, text]));
  return of(setting === null ? texts.base : texts.settings[setting]?.prompts).flatMap(({ seed, text }) => {
    const other = base.get(seed);
    return other === undefined ? [] : [{ seed, text, base: other }];
  });
}

/** Whether the base stands as A: by chance, but the same chance each time. */
function drawOrder(seed: number, { prompt, setting }: JudgeJob, textSeed: number): boolean {
  const digest = createHash("sha256")
    .update(JSON.stringify([seed, setting, prompt, textSeed]))
    .digest();
  return (digest[0] ?? 0) % 2 === 1;
}

interface JudgingParts {
  readonly ask: Ask;
  readonly prompt: JudgePrompt;
  readonly signal: AbortSignal;
}

interface Judged {
  readonly verdict: JudgedText;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** A text that goes on from its prompt is shown with it: half a sentence is no answer. */
const questionOf = ({ chat, text }: OpenPrompt): string => (chat ? text : `Complete this text: ${text}`);
const answerOf = ({ chat, text }: OpenPrompt, written: string): string => (chat ? written : text + written);

async function judgeAlone(asked: OpenPrompt, { seed, text }: Pair, parts: JudgingParts): Promise<Judged> {
  const { ask, prompt, signal } = parts;
  const user = fillTemplate(prompt.template, { question: questionOf(asked), answer: answerOf(asked, text) });
  const { verdict, promptTokens, completionTokens } = await ask({ system: prompt.system, user }, readRating, signal);
  return { verdict: { seed, rating: verdict ?? null }, promptTokens, completionTokens };
}

async function judgePair(
  asked: OpenPrompt,
  { seed, text, base }: Pair,
  { ask, prompt, signal, orders }: JudgingParts & { readonly orders: readonly boolean[] },
): Promise<Judged> {
  if (text === base) return { verdict: { seed, outcome: "tie", games: [] }, promptTokens: 0, completionTokens: 0 };
  const games: Game[] = [];
  let [promptTokens, completionTokens] = [0, 0];
  for (const swapped of orders) {
    const [a, b] = swapped ? [base, text] : [text, base];
    const answers = { answer_a: answerOf(asked, a), answer_b: answerOf(asked, b) };
    const user = fillTemplate(prompt.template, { question: questionOf(asked), ...answers });
    const answer = await ask({ system: prompt.system, user }, readPairVerdict, signal);
    promptTokens += answer.promptTokens;
    completionTokens += answer.completionTokens;
    games.push({ swapped, verdict: answer.verdict ?? null });
  }
  return { verdict: { seed, outcome: outcomeOf(games), games }, promptTokens, completionTokens };
}
