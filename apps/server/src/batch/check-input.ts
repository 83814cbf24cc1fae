/** A batch's whole input, before any line of it is computed: every line is a request, and custom_ids are different. */
import { isFault, parseRequest, readLines, type LineFault } from "./input.js";

/** Lines that one job of the queue has. */
const linesPerJob = 32;
/** Faults that are told; the file has to be mended anyway. */
const mostFaults = 50;

/** A part of the input that one worker computes at a time. */
export interface Part {
  /** The number of its first line. */
  readonly first: number;
  readonly start: number;
  readonly end: number;
}

export interface CheckedInput {
  readonly total: number;
  readonly parts: readonly Part[];
  readonly faults: readonly LineFault[];
}

export async function checkInput(path: string, endpoint: string | undefined, mostLines: number): Promise<CheckedInput> {
  const seen = new Set<string>();
  const parts: Part[] = [];
  const faults: LineFault[] = [];
  let total = 0;
  const fault = (code: string, message: string, line: number | null, param: string | null = null): void => {
    faults.push({ code, message, param, line });
  };
  try {
    for await (const line of readLines(path)) {
      const parsed = parseRequest(line, endpoint);
      if (isFault(parsed)) faults.push(parsed);
      else if (seen.has(parsed.custom_id))
        fault(
          "duplicate_custom_id",
          `line ${line.number}: custom_id is that of a line before`,
          line.number,
          "custom_id",
        );
      else seen.add(parsed.custom_id);
      if (total++ % linesPerJob === 0) parts.push({ first: line.number, start: line.start, end: line.end });
      else parts.push({ ...(parts.pop() as Part), end: line.end });
      if (total > mostLines) fault("too_many_tasks", `expected at most ${mostLines} lines`, null);
      if (total > mostLines || faults.length >= mostFaults) break;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    fault("line_too_long", error.message, null);
  }
  if (total === 0 && faults.length === 0) fault("empty_file", "expected at least one line, received none", null);
  return { total, parts, faults };
}
