/** `dynamo vectors`: golden vectors of the decoding step. */
import { runVectors } from "@dynamo/decode/testing";
import { exitCodes } from "../exit-codes.js";
import { readJsonFile } from "../read-json.js";

export async function vectors(file: string): Promise<void> {
  const { passed, failed, failures } = runVectors(await readJsonFile(file));
  for (const { name, message } of failures) console.log(`${name}: ${message}`);
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0) process.exitCode = exitCodes.failure;
}
