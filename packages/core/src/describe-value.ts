/** A received value in a few words, for messages: short whatever it is, and never an error of its own. */

const mostCharacters = 60;
const mostElements = 3;
const mostKeys = 5;

/** `"text"`, `[1, 2, … 9 in all]`, `{ role, content }`, `a Promise (await it first)`, `the function dynamo`. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    // A proxy or a getter may throw whatever is asked.
    return "a value that cannot be read";
  }
}

/** A name as it stands in code, quoted where it could not. */
export const describeName = (name: string): string => (/^[\w$.]{1,60}$/.test(name) ? name : quoted(name));

function describe(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quoted(value);
    case "bigint":
      return `${cut(String(value))}n`;
    case "symbol":
      return "a symbol";
    case "function":
      return value.name === "" ? "a function" : `the function ${cut(value.name)}`;
    case "object":
      return value === null ? "null" : describeObject(value);
    default:
      return Object.is(value, -0) ? "-0" : String(value);
  }
}

function describeObject(value: object): string {
  if (Array.isArray(value)) return describeArray(value);
  if (ArrayBuffer.isView(value))
    return `${withArticle(className(value))} of ${String((value as { length?: number }).length ?? 0)}`;
  if (typeof (value as { then?: unknown }).then === "function") return "a Promise (await it first)";
  const name = className(value);
  if (name !== "Object") return withArticle(name);
  const keys = Object.keys(value);
  const shown = keys.slice(0, mostKeys).map(describeName);
  return keys.length === 0 ? "{}" : `{ ${shown.join(", ")}${keys.length > mostKeys ? ", …" : ""} }`;
}

function describeArray(value: readonly unknown[]): string {
  // One level deep: what an element holds is named by its kind.
  const shown = Array.from(value.slice(0, mostElements), (element: unknown) =>
    Array.isArray(element) ? `[… ${element.length}]` : describe(element),
  );
  return `[${shown.join(", ")}${value.length > mostElements ? `, … ${value.length} in all` : ""}]`;
}

function className(value: object): string {
  const prototype = Object.getPrototypeOf(value) as { constructor?: { name?: unknown } } | null;
  const name = prototype?.constructor?.name;
  return typeof name === "string" && name !== "" ? cut(name) : "Object";
}

const withArticle = (name: string): string => `${/^[AEIOU]/i.test(name) ? "an" : "a"} ${name}`;

const quoted = (text: string): string => JSON.stringify(cut(text));

const cut = (text: string): string =>
  text.length <= mostCharacters ? text : `${text.slice(0, mostCharacters)}… (${text.length} characters)`;
