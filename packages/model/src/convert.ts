/** @dynamo/model/convert: checkpoints to model folders, and what writes them. Node only. */
export { convertCheckpoint } from "./convert/convert-checkpoint.js";
export type { ConversionReport, ConvertOptions } from "./convert/convert-checkpoint.js";
export type { BaseModel } from "./convert/card.js";
export { hubFolder } from "./node-hub.js";
export type { HubFolder, HubFolderOptions } from "./node-hub.js";
export { writeFileAtomically } from "./convert/atomic-file.js";
export { writeFolderAtomically } from "./convert/atomic-folder.js";
export { writeError } from "./convert/write-error.js";
export { stemGraphFile, writeStem } from "./convert/stem.js";
export type { StemOptions } from "./convert/stem.js";
export { writeRandomCheckpoint } from "./checkpoint/random-checkpoint.js";
export { intoShards } from "./checkpoint/shards.js";
export type { RandomCheckpointOptions } from "./checkpoint/random-checkpoint.js";
export { nodeFolder } from "./node-folder.js";
export { readTensorIndex } from "./checkpoint/tensor-index.js";
export type { PlacedTensor, TensorIndex } from "./checkpoint/tensor-index.js";
export { blockSize, dequantize, quantize } from "./graph/quantize.js";
export type { QuantizedMatrix } from "./graph/quantize.js";
