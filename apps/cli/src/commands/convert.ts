/** `dynamo convert`: checkpoint → model folder. */
import { sizeText } from "@dynamo/core";
import { convertCheckpoint } from "@dynamo/model/convert";
import { fetchFromHub, isHubModel, localFolder } from "../hub-place.js";
import { paintError } from "../paint.js";
import { startProgress } from "../progress.js";
import type { ConvertOptions } from "../schemas/models.js";

export async function convert(checkpoint: string, options: ConvertOptions, signal: AbortSignal): Promise<void> {
  const progress = startProgress();
  const { tokenHeads, medusa, mtp, dtype: dtypes, activations, seed, overwrite } = options;
  console.error(paintError.dim(`converting ${checkpoint} to ${dtypes.join(", ")} …`));
  try {
    const onProgress = (done: number, total: number, what: string): void => {
      progress.update(done, total, what);
    };
    const found = isHubModel(checkpoint) ? await fetchFromHub(checkpoint, { as: "checkpoint" }, signal) : undefined;
    const base = found && { id: found.id, revision: found.commit, license: found.license };
    const report = await convertCheckpoint(found?.folder ?? checkpoint, options.out, {
      base,
      tokenHeads,
      medusa: medusa === undefined ? undefined : await localFolder(medusa, { as: "medusa" }, signal),
      mtp,
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
    for (const { path, bytes } of report.files) console.log(`  ${path}  ${sizeText(bytes)}`);
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
