/** The inference worker on WebGPU. */
import * as ort from "onnxruntime-web/webgpu";
import { startService } from "./worker.js";
import { webgpuEngine } from "./webgpu-engine.js";

startService(ort, (settings, onLost) => webgpuEngine(ort, settings, onLost));
