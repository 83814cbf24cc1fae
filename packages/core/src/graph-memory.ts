/** Whether a graph fits into the memory that sessions have, known from its files' sizes alone: before anything is read. */
import { DynamoError } from "./errors.js";
import { sizeText } from "./size-text.js";
import { checkValue, plainObject, text, valueCheck, whole } from "./value-checks.js";
import type { DeviceChoice } from "./runtime.js";

/** Bytes of a graph's file, and of the external data beside it. */
export interface GraphSize {
  readonly graph: number;
  readonly externalData: number;
}

/** While a session opens, the file's bytes and the weights that ONNX Runtime makes of them are there at once. */
const copiesOfGraph = 2;

/** Throws `out-of-memory` for a graph that needs more than `memory`; an unknown memory refuses none. */
export function checkGraphMemory(size: GraphSize, place: Pick<DeviceChoice, "device" | "memory">): void {
  checkValue("size", size, plainObject);
  checkValue("place", place, plainObject);
  const { graph, externalData } = size;
  const { device, memory = Infinity } = place;
  checkValue("device", device, text);
  checkValue(
    "memory",
    memory,
    valueCheck<number>("a number", (value) => typeof value === "number"),
  );
  checkValue("graph", graph, whole(0));
  checkValue("externalData", externalData, whole(0));
  // Weights that lie outside the graph are read to where they stay.
  const needed = copiesOfGraph * graph + externalData;
  if (needed <= memory) return;
  throw new DynamoError(
    "out-of-memory",
    `this graph has ${sizeText(graph + externalData)} and needs about ${sizeText(needed)} to open, ` +
      `expected at most ${sizeText(memory)} on ${device} here: choose a smaller dtype (q8 or q4) or model, or run it in Node`,
  );
}
