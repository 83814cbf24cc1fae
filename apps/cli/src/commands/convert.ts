/** `dynamo convert`: checkpoint → model folder. */
import { convertCheckpoint } from "@dynamo/model/convert";
import { paintError } from "../paint.js";
import { asDType } from "../open-model.js";
import { startProgress } from "../progress.js";

export interface ConvertCommandOptions {
  readonly out: string;
  readonly tokenHeads?: number;
  readonly dtype: string;
  readonly activations?: "int8" | "fp32";
  readonly seed?: number;
  readonly overwrite: boolean;
  readonly json: boolean;
}

export async function convert(checkpoint: string, options: ConvertCommandOptions, signal: AbortSignal): Promise<void> {
  const progress = startProgress("MB");
  const { tokenHeads, activations, seed, overwrite } = options;
  const dtypes = options.dtype.split(",").map((name) => asDType(name.trim()));
  console.error(paintError.dim(`converting ${checkpoint} to ${dtypes.join(", ")} …`));
  try {
    const onProgress = (done: number, total: number, what: string): void => {
      progress.update(done, total, what);
    };
    const report = await convertCheckpoint(checkpoint, options.out, {
      tokenHeads,
      dtypes,
      activations,
      seed,
      overwrite,
      onProgress,
      signal,
    });
    progress.stop();
    if (options.json) {
      console.log(JSON.stringify(report));
      return;
    }
    console.log(
      `${report.folder}: ${report.tokenHeads} token heads, ${(report.parameters / 1e6).toFixed(1)} M parameters (base ${(report.baseParameters / 1e6).toFixed(1)} M)`,
    );
    for (const { path, bytes } of report.files) console.log(`  ${path}  ${(bytes / 1e6).toFixed(1)} MB`);
    for (const each of report.warnings) console.error(paintError.yellow(`warning: ${each}`));
    if (report.untrainedHeads.length > 0) {
      console.error(
        paintError.yellow(
          `token heads ${report.untrainedHeads.join(", ")} are initialised, not trained: the model says so in its config.json`,
        ),
      );
    }
  } finally {
    progress.stop();
  }
}
