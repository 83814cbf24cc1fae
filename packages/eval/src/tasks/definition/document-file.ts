/** Documents of a file in its published form: JSON lines, CSV, or one JSON. */
import { extname } from "node:path";
import { parse as parseCsv } from "csv-parse/sync";
import { DynamoError } from "@dynamo/core";
import { once } from "../../once.js";
import { readTextFile, withoutByteOrderMark } from "../../text-file.js";
import { createRecordScanner, readPlace, scanFile, type Place } from "../records.js";

export interface Row {
  /** Such as "arc.jsonl:12", for messages. */
  readonly where: string;
  readonly value: unknown;
}

export interface DocumentFile {
  readonly path: string;
  /** In the file's order, some at a time. */
  places(signal?: AbortSignal): AsyncIterable<readonly Place[]>;
  /** `first` is the number of the place's first document in the file, from 0. */
  read(place: Place, first: number): Promise<Row[]>;
}

export interface DocumentFileOptions {
  /** Of a CSV file without a header. */
  readonly columns?: readonly string[] | undefined;
  /** The documents of one JSON; default: a list's elements. */
  readonly unfold?: ((json: unknown) => readonly unknown[] | undefined) | undefined;
  readonly labels?: string | undefined;
}

/** Kinds of files by their names' ends. */
export const documentFileEnds = [".jsonl", ".csv", ".json"];

/** A JSON is held whole: SQuAD 2.0's training questions have 42 MB. */
const mostJsonBytes = 256 * 2 ** 20;
const mostLabelBytes = 64 * 2 ** 20;

/** Throws `invalid-argument` for a name that tells no form. */
export function openDocuments(path: string, { columns, unfold, labels }: DocumentFileOptions = {}): DocumentFile {
  const end = extname(path).toLowerCase();
  if (end === ".jsonl") return withLabels(linesFile(path), labels);
  if (end === ".csv") return withLabels(csvFile(path, columns), labels);
  if (end === ".json")
    return jsonFile(path, unfold ?? ((json): unknown[] | undefined => (Array.isArray(json) ? json : undefined)));
  throw new DynamoError("invalid-argument", `expected a file named ${documentFileEnds.join(", ")}, received ${path}`);
}

const linesFile = (path: string): DocumentFile => ({
  path,
  places: (signal) => scanFile(path, false, signal),
  async read(place) {
    const records = await readRecords(path, place, false);
    return records.map(({ text, where }) => ({ where, value: parseJson(text, where) }));
  },
});

function csvFile(path: string, columns: readonly string[] | undefined): DocumentFile {
  const header = columns === undefined ? once(() => headerOf(path)) : undefined;
  return {
    path,
    async *places(signal) {
      let skipped = columns !== undefined;
      for await (const places of scanFile(path, true, signal)) {
        const isHeader = !skipped && places.length > 0;
        skipped ||= isHeader;
        yield isHeader ? places.slice(1) : places;
      }
    },
    async read(place) {
      const names = columns ?? (await header?.()) ?? [];
      const records = await readRecords(path, place, true);
      return records.map(({ text, where }) => ({ where, value: csvRow(text, where, names) }));
    },
  };
}

function jsonFile(path: string, unfold: (json: unknown) => readonly unknown[] | undefined): DocumentFile {
  const all = once(async () => {
    const found = unfold(parseJson(await readWhole(path, mostJsonBytes), path));
    if (found === undefined)
      throw new DynamoError(
        "invalid-file",
        `${path}: expected documents in their published form, received another JSON`,
      );
    return found;
  });
  return {
    path,
    async *places() {
      const { length } = await all();
      yield Array.from({ length }, (_, i) => ({ line: 1, from: i, to: i + 1 }));
    },
    async read({ from, to }) {
      const documents = await all();
      return documents.slice(from, to).map((value, i) => ({ where: `${path}, document ${from + i + 1}`, value }));
    },
  };
}

/** PIQA's form: the n-th line of another file is the n-th document's label. */
function withLabels(file: DocumentFile, path: string | undefined): DocumentFile {
  if (path === undefined) return file;
  const all = once(async () =>
    (await readWhole(path, mostLabelBytes)).split(/\r?\n/).filter((line) => line.trim() !== ""),
  );
  return {
    path: file.path,
    async *places(signal) {
      let count = 0;
      for await (const places of file.places(signal)) {
        count += places.length;
        yield places;
      }
      const { length } = await all();
      if (length !== count)
        throw new DynamoError(
          "invalid-file",
          `${path}: expected a label for each of ${count} documents, received ${length}`,
        );
    },
    async read(place, first) {
      const labels = await all();
      const rows = await file.read(place, first);
      return rows.map(({ where, value }, i) => ({ where, value: { ...(value as object), label: labels[first + i] } }));
    },
  };
}

interface TextRecord {
  readonly text: string;
  readonly where: string;
}

/** Decoded one by one: a record is what its file's line numbers are of. */
async function readRecords(path: string, place: Place, quoted: boolean): Promise<TextRecord[]> {
  const bytes = await readPlace(path, place);
  const scanner = createRecordScanner(quoted, place);
  const decoder = new TextDecoder();
  return [...scanner.push(bytes), ...scanner.end()].map(({ line, from, to }) => ({
    // A byte order mark at the file's beginning is left out by the decoder.
    text: decoder.decode(bytes.subarray(from - place.from, to - place.from)),
    where: `${path}:${line}`,
  }));
}

async function headerOf(path: string): Promise<string[]> {
  for await (const [first] of scanFile(path, true)) {
    if (first === undefined) continue;
    const [record] = await readRecords(path, first, true);
    return record === undefined ? [] : fieldsOf(record.text, record.where);
  }
  throw new DynamoError("invalid-file", `${path}: expected a header, received nothing`);
}

function csvRow(text: string, where: string, names: readonly string[]): Record<string, string> {
  const fields = fieldsOf(text, where);
  if (fields.length !== names.length)
    throw new DynamoError(
      "invalid-file",
      `${where}: expected ${names.length} fields (${names.join(", ")}), received ${fields.length}`,
    );
  return Object.fromEntries(fields.map((field, i) => [names[i] ?? "", field]));
}

function fieldsOf(text: string, where: string): string[] {
  try {
    const [fields = []] = parseCsv(text, { relax_column_count: true, record_delimiter: ["\r\n", "\n"] });
    return fields;
  } catch (cause) {
    throw new DynamoError("invalid-file", `${where}: expected CSV, received ${excerpt(text)}`, { cause });
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${where}: expected JSON, received ${excerpt(text)}`, { cause });
  }
}

/** The beginning of what was received. */
export const excerpt = (text: string): string =>
  text.length > 80 ? `${text.slice(0, 80).trimEnd()}…` : text.trimEnd();

const readWhole = async (path: string, mostBytes: number): Promise<string> =>
  withoutByteOrderMark(await readTextFile(path, mostBytes));
