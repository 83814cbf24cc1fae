/** The draft model's folder. */
import { fileURLToPath } from "node:url";

/** Absolute path of the model folder, for `loadModel` in Node. */
export const modelPath: string = fileURLToPath(new URL("../model", import.meta.url));
