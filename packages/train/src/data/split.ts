/** Which documents are held out: decided by their text, so that a document is on the same side in every run. */
import { createHash } from "node:crypto";
import { checkValue, numberIn, text as textCheck } from "@dynamo/core/options";

/** The part of a dataset: trained on, or held out. */
export type Split = "train" | "held-out";
export const splits = ["train", "held-out"] as const;

/** A text's SHA-256 as a number in [0, 1): its first four bytes. */
export function hashText(text: string): number {
  checkValue("text", text, textCheck);
  return createHash("sha256").update(text, "utf8").digest().readUInt32BE(0) / 2 ** 32;
}

/** A long document is on the side of its first piece. */
export function splitOf(text: string, heldOutFraction: number): Split {
  checkValue("heldOutFraction", heldOutFraction, numberIn(0, 1));
  return hashText(text) < heldOutFraction ? "held-out" : "train";
}
