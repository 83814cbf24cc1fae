/** Results as a file, with what they were measured on. */
import { describeRun, versionOf } from "@dynamo/eval";
import { writeFileAtomically } from "@dynamo/model/convert";

/** `seconds`: wall-clock, of this command. */
export async function writeResult(path: string, result: object, seconds: number): Promise<void> {
  const runtime = versionOf("onnxruntime-node", import.meta.resolve("@dynamo/runtime-node"));
  const run = describeRun(["dynamo", ...process.argv.slice(2)], { seconds, versions: { "onnxruntime-node": runtime } });
  await writeFileAtomically(path, JSON.stringify({ ...result, run }));
}
