/** Proves that a device works, and says what is missing where it does not. */
import { tryDevice, unsupportedDevice } from "@dynamo/ort";
import { nodeBackend } from "./backend.js";
import { remedyFor } from "./requirements.js";
import type { EngineSettings } from "./settings.js";

/** Throws `unsupported`, with what is missing and how to get it, when the device does not work here. */
export async function checkDevice(settings: EngineSettings): Promise<undefined> {
  try {
    await tryDevice(nodeBackend(settings));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw unsupportedDevice(settings.device, detail, remedyFor(settings.device, detail));
  }
  return undefined;
}
