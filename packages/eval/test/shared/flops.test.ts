/** The golden vectors' model, converted: a pass costs what its architecture says, whatever the weights' type. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { inspectModel } from "@dynamo/model";
import { convertCheckpoint } from "@dynamo/model/convert";
import { expect, test } from "vitest";
import { passFlops, readModelGraph } from "../../src/flops/flops.js";
import { handCount } from "../../src/flops/hand-count.js";

const shared = process.env["DYNAMO_SHARED"] ?? resolve(import.meta.dirname, "../../../../../shared");
const checkpoint = join(shared, "vectors/neox-t3");
const isHere = existsSync(checkpoint);
if (!isHere) process.stdout.write("skipped: the golden vectors of ../shared are not here\n");

test.skipIf(!isHere)("a pass of the golden vectors' model is counted as by hand", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-flops-"));
  try {
    for (const dtype of ["fp32", "q4"] as const) {
      const out = join(folder, dtype);
      await convertCheckpoint(checkpoint, out, { dtypes: [dtype] });
      const { config } = await inspectModel(out);
      const graph = await readModelGraph(out, dtype);
      for (const allHeads of [true, false])
        for (const past of [0, 20]) {
          const pass = { newPositions: 3, wanted: 2, past, allHeads, rows: 2 };
          expect(passFlops(graph, pass)).toBe(handCount(config, pass));
        }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
