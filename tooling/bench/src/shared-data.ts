/** Reference data beside the clone, which some benches need and the project does not. */
import { fileURLToPath } from "node:url";

/** The folder `shared` beside the clone, or DYNAMO_SHARED. */
export const sharedFolder = (): string =>
  process.env["DYNAMO_SHARED"] ?? fileURLToPath(new URL("../../../../shared", import.meta.url));

/** Thrown by a bench that cannot run here though nothing is wrong. */
export class SkippedBench extends Error {}
