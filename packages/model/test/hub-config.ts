/** A checkpoint small enough to be many on a hub of a test. */
import { neoxConfigJson, parseConfig } from "../src/index.js";

export const hubConfig = parseConfig(
  neoxConfigJson({
    vocabularySize: 64,
    hiddenSize: 32,
    layers: 2,
    attentionHeads: 2,
    contextLength: 32,
    rotaryPercent: 0.5,
  }),
);
