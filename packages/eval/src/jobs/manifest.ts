/** What results in a place are of: a run goes on only where those that are there are of the same options. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { writeFileAtomically } from "@dynamo/model/convert";
import { z } from "zod";
import { checkValue, someText } from "@dynamo/core/options";
import { jsonObject, pathCheck } from "../arguments.js";
import type { Json, JsonObject } from "../evaluation.js";

export interface Manifest {
  readonly kind: string;
  readonly settings: JsonObject;
  readonly jobs: number;
  /** SHA-256 of the jobs in their order. */
  readonly hash: string;
}

/** Settings are as JSON has them: an option that is not set is the same as one that is not there. */
export function manifestOf(kind: string, settings: JsonObject, jobs: readonly unknown[]): Manifest {
  const hash = createHash("sha256");
  for (const job of jobs) hash.update(`${JSON.stringify(job)}\n`);
  return {
    kind,
    settings: JSON.parse(JSON.stringify(settings)) as JsonObject,
    jobs: jobs.length,
    hash: hash.digest("hex"),
  };
}

const recordSchema = z.record(z.string(), z.json());

/**
 * Writes the record into a file that is not there yet. Throws `invalid-argument` that names what differs when the file has
 * another one, `invalid-file` when it is damaged. `place`: whose record it is, as people are told.
 */
export async function claimPlace(path: string, record: JsonObject, place: string): Promise<void> {
  checkValue("path", path, pathCheck);
  checkValue("record", record, jsonObject);
  checkValue("place", place, someText);
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new DynamoError("invalid-file", `cannot read ${path}`, { cause: error });
  });
  if (text === undefined) return writeRecord(path, record);
  const differing = differences(parse(text, path), JSON.parse(JSON.stringify(record)) as JsonObject);
  if (differing.length === 0) return;
  throw new DynamoError(
    "invalid-argument",
    `${place} holds another run: expected the same ${differing.slice(0, 5).join("; ")}. Choose another place`,
  );
}

async function writeRecord(path: string, record: JsonObject): Promise<void> {
  try {
    await writeFileAtomically(path, JSON.stringify(record));
  } catch (cause) {
    throw new DynamoError("invalid-argument", `cannot write ${path}`, { cause });
  }
}

function parse(text: string, path: string): JsonObject {
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path} is damaged: expected a JSON object`, { cause });
  }
}

function differences(there: JsonObject, now: JsonObject): string[] {
  const before = leaves(there);
  const after = leaves(now);
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => `${name} (there ${before.get(name) ?? "none"}, received ${after.get(name) ?? "none"})`);
}

/** Every value that is no object, by its path; lists whole. */
function leaves(value: JsonObject, path = ""): Map<string, string> {
  return new Map(
    Object.entries(value).flatMap(([name, each]) =>
      isObject(each) ? [...leaves(each, `${path}${name}.`)] : [[`${path}${name}`, JSON.stringify(each)] as const],
    ),
  );
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
