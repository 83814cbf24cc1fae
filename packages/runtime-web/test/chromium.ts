/** The Chromium that tests run in, and how it is started: WebGPU on SwiftShader, no request of its own. */
import { existsSync } from "node:fs";

/** Debian's, without the shell script around it. */
const wellKnown = ["/usr/lib/chromium/chromium", "/usr/bin/chromium", "/usr/bin/google-chrome"];

export const chromiumArguments: readonly string[] = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--no-sandbox",
  "--disable-background-networking",
];

/** Its executable's path; undefined when there is none on this machine. */
export function findChromium(): string | undefined {
  return [process.env["DYNAMO_CHROMIUM"], ...wellKnown].find((path) => path !== undefined && existsSync(path));
}
