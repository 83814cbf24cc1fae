/** What README.md says of installing: onnxruntime-node's script downloads for Linux x64 alone, and not when it is told to skip. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const require = createRequire(import.meta.url);
const script = join(dirname(require.resolve("onnxruntime-node/package.json")), "script");

describe("onnxruntime-node's install script", () => {
  it("ends without a download where ONNXRUNTIME_NODE_INSTALL=skip", () => {
    const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
    expect(execFileSync(process.execPath, [join(script, "install.js")], { env, encoding: "utf8" })).toBe("");
  });

  it("wants the CUDA provider, on Linux x64 only", () => {
    const { requirements } = require(join(script, "install-metadata.js")) as {
      requirements: Record<string, readonly string[]>;
    };
    const wanting = Object.entries(requirements).filter(([, packages]) => packages.length > 0);
    expect(wanting).toEqual([["linux/x64", ["cuda12"]]]);
  });
});
