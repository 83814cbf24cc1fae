// Beginnings of held-out documents, as a file of prompts: `node tooling/scripts/held-out-prompts.mjs tinystories_valid.txt > packages/stories/prompts.jsonl`.
import { readFileSync } from "node:fs";
import process from "node:process";

/** Enough for intervals of a few hundredths of a nat; half an hour of `pnpm evaluate` goes no further. */
const count = 120;
/** Stories begin alike: of their first six words there are too few different ones. */
const words = 10;
/** Of a document that a text could follow. */
const leastWords = 60;

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("expected a file of documents between <|endoftext|>, received none");

const beginnings = new Set(
  readFileSync(file, "utf8")
    .split("<|endoftext|>")
    .map((document) => document.trim())
    .filter((document) => document.split(/\s+/).length >= leastWords)
    // With its own spaces; of a text in UTF-8 alone.
    .flatMap((document) => document.match(new RegExp(`^(\\S+\\s+){${words - 1}}\\S+`))?.[0] ?? []),
);
const all = [...beginnings].filter((text) => !/[\n\uFFFD]/.test(text));
if (all.length < count) throw new Error(`${file}: expected ${count} different beginnings, received ${all.length}`);
// Spread over the whole file.
for (let i = 0; i < count; i++)
  process.stdout.write(`${JSON.stringify({ prompt: all[Math.floor((i * all.length) / count)] })}\n`);
