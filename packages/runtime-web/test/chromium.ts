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
  // A test makes the GPU's process crash: Chromium would deny WebGPU to those after it.
  "--disable-domain-blocking-for-3d-apis",
  "--disable-gpu-process-crash-limit",
];

/** Its executable's path; undefined when there is none on this machine. With CI=true it is an error: nothing is skipped. */
export function findChromium(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  exists: (path: string) => boolean = existsSync,
): string | undefined {
  const found = [environment["DYNAMO_CHROMIUM"], ...wellKnown].find((path) => path !== undefined && exists(path));
  if (found === undefined && environment["CI"] === "true") {
    throw new Error(
      "no Chromium was found, and CI skips no test: apt-get install chromium, or name one in DYNAMO_CHROMIUM",
    );
  }
  return found;
}
