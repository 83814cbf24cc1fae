import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documents } from "./documents.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dynamo-documents-"));
});
afterAll(() => rm(folder, { recursive: true }));

let made = 0;

/** The documents, put together from their pieces; one that was never ended is missing. */
async function read(...texts: string[]): Promise<string[]> {
  const files = texts.map(() => join(folder, `${made++}.txt`));
  for (const [i, file] of files.entries()) await writeFile(file, texts[i] ?? "");
  const whole: string[] = [];
  let begun = "";
  for await (const { text, last } of documents(files)) {
    begun += text;
    if (!last) continue;
    whole.push(begun);
    begun = "";
  }
  expect(begun).toBe("");
  return whole;
}

const story = (lines: number): string => "All of it is one long line of a story.\n".repeat(lines).trimEnd();

describe("documents", () => {
  it("are what stands between separators, without blank ones", async () => {
    expect(await read(" one <|endoftext|>\n<|endoftext|>two\n", "three")).toEqual(["one", "two", "three"]);
  });

  it("end where they end when they came in pieces", async () => {
    const long = story(40_000);
    expect(await read(`${long}\n\n  more<|endoftext|>two`)).toEqual([`${long}\n\n  more`, "two"]);
    // The cut is among the blanks: nothing else is left of the document.
    const padded = `${story(26_000)}${"\n".repeat(60_000)}`;
    for (const texts of [[`${padded}<|endoftext|>two`], [padded, "two"]]) {
      expect((await read(...texts)).map((text) => text.trimEnd())).toEqual([story(26_000), "two"]);
    }
  });
});
