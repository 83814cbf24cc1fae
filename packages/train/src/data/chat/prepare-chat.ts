/**
 * Conversations to a dataset folder: rendered with a chat template, tokenised on several threads, packed into rows, with a
 * flag for every token that says whether it is an answer's. Memory does not grow with the files.
 */
import { DynamoError, throwIfAborted } from "@dynamo/core";
import { checkOptions, text, whole, type OptionChecks } from "@dynamo/core/options";
import { loadTokenizer } from "@dynamo/tokenizer";
import { prepareChecks } from "../../arguments.js";
import { maxRowTokens, minRowTokens } from "../manifest.js";
import { encodedInOrder, writeDataset, type DatasetSummary, type WriteSource } from "../preparation.js";
import type { PrepareOptions } from "../prepare-options.js";
import type { EncodedTexts } from "../tokenizer-pool.js";
import { chatJobs, type ChatJob } from "./chat-jobs.js";
import { createChatWriter, type ChatCounts, type ChatWriter } from "./chat-writer.js";
import { defaultChatTemplate } from "./default-template.js";
import type { RenderOptions } from "./render-conversation.js";

/** Sources are JSON files: a list of records, or one a line. */
export interface ChatPrepareOptions extends PrepareOptions {
  /** Tokens of a row: the longest conversation that is kept whole. Default 512. */
  readonly rowTokens?: number | undefined;
  /** A Jinja template; default: the tokenizer's own, else one that needs no tokens of its own. */
  readonly template?: string | undefined;
}

const checks: OptionChecks<ChatPrepareOptions> = {
  ...prepareChecks,
  rowTokens: whole(minRowTokens, maxRowTokens),
  template: text,
};

/** What preparing conversations made. */
export interface ChatSummary extends DatasetSummary, ChatCounts {
  /** Records left out because a question or an answer is blank. */
  readonly blank: number;
}

/**
 * Makes the dataset folder `out`; its tokenizer_config.json gets the template. A conversation longer than a row is cut at the
 * row's end; when no token of an answer is left it is left out. Throws as `prepareDataset` does, `invalid-file` with file,
 * line and record for bad records, and `invalid-argument` for a template that answers cannot be found in.
 */
export async function prepareChatDataset(options: ChatPrepareOptions): Promise<ChatSummary> {
  checkOptions("prepareChatDataset()", options, checks);
  const { rowTokens = 512 } = options;
  const { tokenizerConfig, rendering } = chatTokenizer(options);
  const counts: ChatCounts[] = [];
  const answerEnds = new Set<number>();
  let blank = 0;
  const writeSource: WriteSource = async (preparation, { name, files }, before) => {
    const { heldOutFraction, onProgress, signal } = preparation;
    const shared = { ...preparation, source: name, rowTokens };
    const writers = {
      train: createChatWriter({ ...shared, split: "train" }),
      "held-out": createChatWriter({ ...shared, split: "held-out" }),
    };
    const both = Object.values(writers);
    try {
      const jobs = chatJobs(files, heldOutFraction, rendering);
      for await (const { job, encoded } of encodedInOrder(jobs, preparation)) {
        for (const end of await writeJob(writers, job, encoded)) answerEnds.add(end);
        throwIfAborted(signal);
        blank += job.blank;
        const sum = (what: "documents" | "tokens"): number =>
          both.reduce((total, writer) => total + writer.written()[what], before[what]);
        const progress = { documents: sum("documents"), tokens: sum("tokens") };
        onProgress?.({ ...before, bytes: before.bytes + job.bytesRead, ...progress });
      }
      const summary = { train: await writers.train.finish(), "held-out": await writers["held-out"].finish() };
      counts.push(...both.map((writer) => writer.counts()));
      return summary;
    } finally {
      for (const writer of both) await writer.close();
    }
  };
  const prepared = { ...options, tokenizerConfig };
  const summary = await writeDataset(prepared, writeSource, () => ({
    rowTokens,
    answerEnds: [...answerEnds].sort((a, b) => a - b),
  }));
  const total = (what: keyof ChatCounts): number => counts.reduce((sum, part) => sum + part[what], 0);
  return {
    ...summary,
    conversations: total("conversations"),
    cut: total("cut"),
    tooLong: total("tooLong"),
    blank,
    answerTokens: total("answerTokens"),
    padding: total("padding"),
  };
}

interface ChatTokenizer {
  /** With the template, and end-of-text as `eos_token`. */
  readonly tokenizerConfig: Readonly<Record<string, unknown>>;
  readonly rendering: Omit<RenderOptions, "place">;
}

function chatTokenizer({
  tokenizerJson,
  tokenizerConfig = {},
  endOfText: id,
  template,
}: ChatPrepareOptions): ChatTokenizer {
  const config: unknown = typeof tokenizerConfig === "string" ? JSON.parse(tokenizerConfig) : tokenizerConfig;
  const plain = loadTokenizer({ tokenizerJson, tokenizerConfig: config });
  const endOfText = plain.idToToken(id);
  if (endOfText === undefined || plain.encode(endOfText).length !== 1)
    throw new DynamoError("invalid-argument", `endOfText: expected a special token of the tokenizer, received ${id}`);
  const own = (config as Readonly<Record<string, unknown>>)["chat_template"];
  const whole = {
    ...(config as object),
    eos_token: endOfText,
    chat_template: template ?? own ?? defaultChatTemplate,
  };
  const tokenizer = loadTokenizer({ tokenizerJson, tokenizerConfig: whole });
  const special = [...tokenizer.specialIds]
    .map((each) => tokenizer.idToToken(each) ?? "")
    .filter((text) => text !== "");
  return { tokenizerConfig: whole, rendering: { template: tokenizer.applyChatTemplate, special } };
}

/** Returns the tokens that end answers. */
async function writeJob(
  writers: Readonly<Record<"train" | "held-out", ChatWriter>>,
  { conversations }: ChatJob,
  { tokens, lengths }: EncodedTexts,
): Promise<ReadonlySet<number>> {
  const ends = new Set<number>();
  let [at, text] = [0, 0];
  const next = (): Int32Array => tokens.subarray(at, (at += lengths[text++] as number));
  for (const { split, answers, bytes } of conversations) {
    const ids = next();
    const flags = new Int32Array(ids.length);
    for (let i = 0; i < answers; i++) {
      const [from, to] = [next(), next()].map((beginning) => commonLength(ids, beginning)) as [number, number];
      flags.fill(1, from, to);
      ends.add(ids[to - 1] as number);
    }
    await writers[split].write(ids, flags, bytes);
  }
  return ends;
}

/** A token that reaches over the border of an answer is the answer's. */
function commonLength(a: Int32Array, b: Int32Array): number {
  const differs = a.findIndex((id, i) => id !== b[i]);
  return differs === -1 ? a.length : differs;
}
