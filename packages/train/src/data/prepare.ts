/**
 * Text files to a dataset folder: documents are read as streams, tokenised on several threads and written in the order they
 * were read, each as the end-of-text token and its own tokens. Memory does not grow with the corpus.
 */
import { throwIfAborted } from "@dynamo/core";
import { checkOptions } from "@dynamo/core/options";
import { prepareChecks } from "../arguments.js";
import { jobsOf, type Job } from "./jobs.js";
import { encodedInOrder, writeDataset, type DatasetSummary, type WriteSource } from "./preparation.js";
import type { PrepareOptions } from "./prepare-options.js";
import { createSplitWriter, type SplitWriter } from "./split-writer.js";
import type { EncodedTexts } from "./tokenizer-pool.js";

/**
 * Makes the dataset folder `out`. Nothing is left of it when this fails or is aborted. Throws `invalid-argument` for an `out`
 * that exists, options out of range and a source without documents; `not-found` and `invalid-file` for the files.
 */
export async function prepareDataset(options: PrepareOptions): Promise<DatasetSummary> {
  checkOptions("prepareDataset()", options, prepareChecks);
  return writeDataset(options, writeSource);
}

const writeSource: WriteSource = async (preparation, { name, files }, before) => {
  const { heldOutFraction, onProgress, signal } = preparation;
  const options = { ...preparation, source: name };
  const writers = {
    train: createSplitWriter({ ...options, split: "train" }),
    "held-out": createSplitWriter({ ...options, split: "held-out" }),
  };
  try {
    for await (const { job, encoded } of encodedInOrder(jobsOf(files, heldOutFraction), preparation)) {
      await writeJob(writers, job, encoded);
      throwIfAborted(signal);
      const done = [writers.train.written(), writers["held-out"].written()];
      const sum = (what: "documents" | "tokens"): number =>
        done.reduce((total, part) => total + part[what], before[what]);
      onProgress?.({
        ...before,
        bytes: before.bytes + job.bytesRead,
        documents: sum("documents"),
        tokens: sum("tokens"),
      });
    }
    return { train: await writers.train.finish(), "held-out": await writers["held-out"].finish() };
  } finally {
    for (const writer of Object.values(writers)) await writer.close();
  }
};

async function writeJob(
  writers: Readonly<Record<JobSplit, SplitWriter>>,
  { pieces }: Job,
  { tokens, lengths }: EncodedTexts,
): Promise<void> {
  let at = 0;
  for (const [i, piece] of pieces.entries()) {
    const end = at + (lengths[i] as number);
    await writers[piece.split].write(tokens.subarray(at, end), piece);
    at = end;
  }
}

type JobSplit = Job["pieces"][number]["split"];
