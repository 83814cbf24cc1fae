/** `dynamo eval report`: results as one page. */
import { readResultFile, reportPage, writeWhole } from "@dynamo/eval";

export interface ReportCommandOptions {
  readonly out: string;
  readonly title?: string;
}

export async function evalReport(files: readonly string[], { out, title }: ReportCommandOptions): Promise<void> {
  const results = [];
  for (const file of files) results.push(await readResultFile(file));
  await writeWhole(out, reportPage(results, title === undefined ? {} : { title }));
  console.log(`${out}: ${results.length} ${results.length === 1 ? "result" : "results"}`);
}
