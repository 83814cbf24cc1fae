/** `dynamo data prepare-chat`: conversations → rows of tokens in which only the answers are learnt. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { prepareChatDataset, type ChatSummary } from "@dynamo/train/node";
import { startProgress } from "../progress.js";
import { readText } from "../read-json.js";
import { endOfTextOf, readTokenizer, sourcesOf } from "./data.js";
import type { PrepareChatOptions } from "../schemas/training.js";

export async function prepareChat(
  files: readonly string[],
  options: PrepareChatOptions,
  signal: AbortSignal,
): Promise<void> {
  const { tokenizer, out, sequence: rowTokens, heldOut: heldOutFraction, workers, overwrite, json } = options;
  const { tokenizerJson, tokenizerConfig } = await readTokenizer(tokenizer, signal);
  // The template's own file goes before the config's, as it does when a model is loaded.
  const ownTemplate = join(tokenizer, "chat_template.jinja");
  const file = options.template ?? (existsSync(ownTemplate) ? ownTemplate : undefined);
  const template = file === undefined ? undefined : await readText(file);
  const endOfText = endOfTextOf(tokenizerJson, tokenizerConfig, tokenizer);
  const progress = startProgress();
  let summary: ChatSummary;
  try {
    summary = await prepareChatDataset({
      sources: sourcesOf(files, options.weight),
      ...{ tokenizerJson, tokenizerConfig, endOfText, template, out, rowTokens },
      ...{ heldOutFraction, workers, overwrite, signal },
      onProgress: ({ bytes, totalBytes, documents }) =>
        progress.update(bytes, totalBytes, `${documents} conversations`),
    });
  } finally {
    progress.stop();
  }
  report(out, summary, json);
}

function report(out: string, summary: ChatSummary, json: boolean): void {
  const { sources, tokens, conversations, cut, tooLong, blank, answerTokens, padding } = summary;
  if (json) {
    console.log(JSON.stringify({ out, sources, conversations, cut, tooLong, blank, answerTokens, padding, tokens }));
    return;
  }
  const percent = (part: number): string => `${((100 * part) / Math.max(1, tokens)).toFixed(1)} %`;
  for (const { name, train, "held-out": held } of sources)
    console.log(`${name}: ${train.documents} conversations to train on, ${held.documents} held out`);
  console.log(`${tokens} tokens in rows: ${percent(answerTokens)} answers, ${percent(padding)} padding`);
  console.log(`cut at the row's end: ${cut}; left out: ${tooLong} without an answer in a row, ${blank} blank`);
  console.log(`dataset in ${out}  (use: dynamo train --dataset ${out} …)`);
}
