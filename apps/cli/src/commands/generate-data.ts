/** `dynamo data generate`: text that a model writes itself, as training data for its heads (self-distillation). */
import { settingsWithHashes, type JsonObject, type Work } from "@dynamo/eval";
import { localFolder } from "../hub-place.js";
import { startProgress } from "../progress.js";
import type { GenerateDataOptions } from "../schemas/training.js";
import { openWorker } from "./eval/eval-worker.js";
import { placed, withPlace, type Placed } from "./eval/placed-spec.js";
import { queueCompute } from "./eval/queue-compute.js";
import { ownText, type OwnText, type OwnTextOptions, type OwnTextSpec } from "./own-text/own-text.js";
import { writeInRounds } from "./own-text/rounds.js";
import { openTextFile, type TextFile } from "./own-text/text-file.js";

/** One JSON line a text, in the order of their numbers, the same bytes wherever they were written. */
export async function generateData(
  folder: string | undefined,
  options: GenerateDataOptions,
  signal: AbortSignal,
): Promise<void> {
  const { out, tokens: wanted, resume, overwrite } = options;
  const spec = placed<OwnTextSpec>(
    { kind: "own-text", options: await ownTextOptions(folder, options, signal) },
    options,
  );
  const work = withPlace(await ownText(spec.spec.options), spec);
  const file = await openTextFile(out, { resume, overwrite, record: await recordOf(work) });
  const progress = startProgress("tokens");
  const onProgress = (tokens: number): void => {
    progress.update(Math.min(tokens, wanted), wanted, `${file.texts} texts`);
  };
  try {
    const writing: Writing = { spec, work, file, options, signal, onProgress };
    if (file.tokens < wanted) await (options.queue ? writeOnQueue(writing) : writeHere(writing));
  } finally {
    progress.stop();
    await file.close();
  }
  const { texts, tokens } = file;
  if (options.json) console.log(JSON.stringify({ out, texts, tokens }));
  else console.log(`${texts} texts, ${tokens} tokens in ${out}  (use: dynamo data prepare ${out} …)`);
}

async function ownTextOptions(
  folder: string | undefined,
  { dtype, text = [], beginning, temperature, topK, repetitionPenalty, maxNewTokens, seed, slots }: GenerateDataOptions,
  signal: AbortSignal,
): Promise<OwnTextOptions> {
  const named = folder ?? (await import("@dynamo/stories")).modelPath;
  const model = await localFolder(named, { as: "model", dtype }, signal);
  return { model, text, beginning, temperature, topK, repetitionPenalty, maxNewTokens, seed, slots };
}

/** How many texts are written side by side changes none of them. */
async function recordOf(work: Work): Promise<JsonObject> {
  const { slots: _, ...settings } = await settingsWithHashes(work);
  return { kind: work.kind, settings };
}

interface Writing {
  readonly spec: Placed<OwnTextSpec>;
  readonly work: OwnText;
  readonly file: TextFile;
  readonly options: GenerateDataOptions;
  readonly signal: AbortSignal;
  readonly onProgress: (tokens: number) => void;
}

async function writeHere({ work, file, options, signal, onProgress }: Writing): Promise<void> {
  const opened = await openWorker(options, signal);
  try {
    for await (const text of work.write({ first: file.texts, count: Infinity }, opened.worker)) {
      await file.append(text);
      onProgress(file.tokens);
      if (file.tokens >= options.tokens) break;
    }
  } finally {
    await opened.close();
  }
}

async function writeOnQueue({ spec, work, file, options, signal, onProgress }: Writing): Promise<void> {
  const { tokens: wanted, maxNewTokens, slots } = options;
  // A piece is four times what is written side by side: at its end only some texts are left to write.
  const rounds = { wanted, textsPerPiece: 4 * slots, maxNewTokens, onProgress };
  await queueCompute(work, spec, { options, signal }, (compute) => writeInRounds(file, compute, rounds));
}
