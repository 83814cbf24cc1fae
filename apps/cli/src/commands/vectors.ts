/** `dynamo vectors`: golden vectors of the decoding step. */
import { readFile } from "node:fs/promises";
import { DynamoError } from "@dynamo/core";
import { runVectors } from "@dynamo/decode/testing";
import { exitCodes } from "../exit-codes.js";

export async function vectors(file: string): Promise<void> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DynamoError("not-found", `cannot read ${file}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${file} is not JSON`, { cause });
  }
  const { passed, failed, failures } = runVectors(json);
  for (const { name, message } of failures) console.log(`${name}: ${message}`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = exitCodes.failure;
}
