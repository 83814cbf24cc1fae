/** The README's examples, for the tests that run them. */
import { readFileSync } from "node:fs";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The first block of code in this language. */
export function example(language: string): string {
  const found = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "ms").exec(readme)?.[1];
  if (found === undefined) throw new Error(`the README has no example in ${language}`);
  return found;
}
