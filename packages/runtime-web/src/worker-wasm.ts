/** The inference worker on WASM. */
import * as ort from "onnxruntime-web/wasm";
import { startService } from "./worker.js";
import { wasmEngine } from "./wasm-engine.js";

startService(ort, (settings) => wasmEngine(ort, settings));
