/** Finds the software Vulkan driver by which WebGPU runs on machines without a GPU. */
import { existsSync } from "node:fs";

/** Where Debian's chromium package puts it. */
const wellKnown = "/usr/lib/chromium/vk_swiftshader_icd.json";

/**
 * True when WebGPU can run on SwiftShader; puts the driver into this process's environment, which must happen before a
 * runtime loads the native library. Says in one line why not otherwise.
 */
export function useSwiftShader(): boolean {
  const driver = process.env["VK_DRIVER_FILES"] ?? wellKnown;
  if (!existsSync(driver)) {
    process.stderr.write(`skipped: webgpu tests need SwiftShader's Vulkan driver (VK_DRIVER_FILES, or ${wellKnown})\n`);
    return false;
  }
  process.env["VK_DRIVER_FILES"] = driver;
  return true;
}
