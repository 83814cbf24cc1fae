/** `dynamo eval report`: results as one page. */
import { readResultFile, reportPage } from "@dynamo/eval";
import { writeFileAtomically } from "@dynamo/model/convert";
import type { ReportOptions } from "../../schemas/evaluation.js";

export async function evalReport(files: readonly string[], { out, title }: ReportOptions): Promise<void> {
  const results = [];
  for (const file of files) results.push(await readResultFile(file));
  await writeFileAtomically(out, reportPage(results, { title }));
  console.log(`${out}: ${results.length} ${results.length === 1 ? "result" : "results"}`);
}
