/** Finds the software Vulkan driver by which WebGPU runs on machines without a GPU. */
import { existsSync } from "node:fs";

/** Where Debian's chromium package puts it. */
const wellKnown = "/usr/lib/chromium/vk_swiftshader_icd.json";

/** Puts the driver into this process's environment; false, with a line that says so, where there is none. */
export function useSwiftShader(): boolean {
  const driver = process.env["VK_DRIVER_FILES"] ?? wellKnown;
  if (existsSync(driver)) {
    process.env["VK_DRIVER_FILES"] = driver;
    return true;
  }
  process.stderr.write(`skipped: training on webgpu needs SwiftShader's driver (VK_DRIVER_FILES, or ${wellKnown})\n`);
  return false;
}
