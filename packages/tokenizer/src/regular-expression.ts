/** Regular expressions in Oniguruma's syntax, which Rust's tokenizers run, as JavaScript's. */
import { DynamoError } from "@dynamo/core";
import { describeValue } from "@dynamo/core/options";
import { toRegExp } from "oniguruma-to-es";

/** Longer ones than a published pattern has (a few hundred characters) only cost time. */
const maxCharacters = 2 ** 16;

/** Throws `unsupported`, naming the place, for a pattern that has no form in JavaScript. */
export function regularExpression(source: string, place: string): RegExp {
  if (source.length > maxCharacters)
    throw new DynamoError(
      "invalid-file",
      `tokenizer.json: ${place}: expected at most ${maxCharacters} characters, received ${source.length}`,
    );
  try {
    return toRegExp(withWordCharacters(source), { global: true, target: "ES2024", accuracy: "strict" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DynamoError(
      "unsupported",
      `tokenizer.json: ${place}: the pattern ${describeValue(source)} has no form in JavaScript (${why})`,
      { cause },
    );
  }
}

const inClass = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
/** Outside of a class Oniguruma's \w has Latin-1's other digits, too. */
const alone = `${inClass}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}`;
const [before, behind] = [`(?<=[${alone}])`, `(?=[${alone}])`];
const [notBefore, notBehind] = [`(?<![${alone}])`, `(?![${alone}])`];

const escapes: Readonly<Record<string, string>> = {
  w: `[${alone}]`,
  W: `[^${alone}]`,
  b: `(?:${before}${notBehind}|${notBefore}${behind})`,
  B: `(?:${before}${behind}|${notBefore}${notBehind})`,
};
const classEscapes: Readonly<Record<string, string>> = { w: inClass, W: `[^${inClass}]` };

/** The translator's \w is what JavaScript calls letters and numbers; Oniguruma's is written out. */
function withWordCharacters(source: string): string {
  let depth = 0;
  const spelled = source.replace(
    /(?<!\\)((?:\\\\)*)\\(p\{\^|[pP]\{)word\}/giu,
    (_, escaped: string, property: string) => `${escaped}\\${property === "p{" ? "w" : "W"}`,
  );
  return spelled.replace(/\\(.)|[[\]]/gsu, (whole, escaped: string | undefined) => {
    if (whole === "[") depth++;
    else if (whole === "]") depth = Math.max(0, depth - 1);
    if (escaped === undefined) return whole;
    // Where a match begins by these is no property of the text alone.
    if (depth === 0 && (escaped === "K" || escaped === "G")) throw new SyntaxError(`\\${escaped} is not supported`);
    return (depth > 0 ? classEscapes : escapes)[escaped] ?? whole;
  });
}
