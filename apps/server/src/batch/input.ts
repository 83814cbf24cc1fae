/** The lines of a batch: JSON requests with a custom_id, read as a stream with their places in the file. */
import { createReadStream } from "node:fs";
import { literal, object, record, string, unknown, enum as oneOf, type infer as Infer } from "zod";

export const batchEndpoints = ["/v1/completions", "/v1/chat/completions"] as const;
export type BatchEndpoint = (typeof batchEndpoints)[number];

const requestLine = object({
  custom_id: string().min(1).max(512),
  method: literal("POST").default("POST"),
  url: oneOf(batchEndpoints),
  body: record(string(), unknown()),
});
export type BatchRequest = Infer<typeof requestLine>;

export interface TextLine {
  /** From 1, empty lines counted. */
  readonly number: number;
  readonly text: string;
  /** Bytes of the file before the line, and after its line feed. */
  readonly start: number;
  readonly end: number;
}

export interface LineFault {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  readonly line: number | null;
}

/** A line that is longer than this ends the reading: no request is. */
const mostRequestBytes = 4 * 2 ** 20;

export interface ReadOptions {
  /** Bytes of the file, and the number of the line that begins there. */
  readonly start?: number;
  readonly end?: number;
  readonly first?: number;
  readonly mostBytes?: number;
}

/** The lines, empty ones left out. Throws RangeError for one that is far too long. */
export async function* readLines(
  path: string,
  { start = 0, end = Infinity, first = 1, mostBytes = mostRequestBytes }: ReadOptions = {},
): AsyncGenerator<TextLine, void> {
  let [number, at] = [first, start];
  let pieces: Buffer[] = [];
  let held = 0;
  const line = (length: number): TextLine => {
    const text = Buffer.concat(pieces).toString("utf8").trimEnd();
    const from = at;
    at += length;
    [pieces, held] = [[], 0];
    return { number: number++, text, start: from, end: at };
  };
  if (end <= start) return;
  for await (const chunk of createReadStream(path, { start, end: end - 1 }) as AsyncIterable<Buffer>) {
    let from = 0;
    for (let feed = chunk.indexOf(10); feed >= 0; feed = chunk.indexOf(10, from)) {
      pieces.push(chunk.subarray(from, feed));
      const found = line(held + feed + 1 - from);
      if (found.text !== "") yield found;
      from = feed + 1;
    }
    pieces.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > mostBytes) throw new RangeError(`line ${number} has more than ${mostBytes} bytes`);
  }
  const last = line(held);
  if (last.text !== "") yield last;
}

/** A request, or what is wrong with the line. */
export function parseRequest({ text, number }: TextLine, endpoint?: string): BatchRequest | LineFault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: "invalid_json_line", message: `line ${number} is no JSON`, param: null, line: number };
  }
  const { error, data } = requestLine.safeParse(value);
  if (error !== undefined) {
    const issue = error.issues[0];
    const param = issue?.path.map(String).join(".") ?? "";
    const message = `line ${number}: ${param === "" ? "" : `${param}: `}${issue?.message ?? "no request"}`;
    return { code: "invalid_request", message, param: param === "" ? null : param, line: number };
  }
  if (endpoint === undefined || data.url === endpoint) return data;
  const message = `line ${number}: url: expected the batch's endpoint ${endpoint}, received ${data.url}`;
  return { code: "mismatched_endpoint", message, param: "url", line: number };
}

export const isFault = (parsed: BatchRequest | LineFault): parsed is LineFault => "code" in parsed;
