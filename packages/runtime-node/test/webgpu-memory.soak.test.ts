/** In a process of its own: as long as any WebGPU session is open, ONNX Runtime keeps the weights of disposed ones. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { tableGraph } from "@dynamo/runtime-contract";
import { useSwiftShader } from "./swiftshader.js";

const available = useSwiftShader();

test.runIf(available)("100 webgpu sessions created and disposed do not add up in memory", async () => {
  const folder = await mkdtemp(join(tmpdir(), "runtime-node-"));
  try {
    const path = join(folder, "graph.onnx");
    await writeFile(path, await tableGraph(2 ** 14));
    const script = `import { createNodeRuntime } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
      const runtime = createNodeRuntime({ device: "webgpu" });
      const rounds = async (count) => {
        for (let i = 0; i < count; i++) {
          const session = await runtime.createSession({ path: ${JSON.stringify(path)} });
          await session.run({ x: { dtype: "int32", dims: [1], data: Int32Array.of(7) } }, ["y"]);
          await session.dispose();
        }
        return process.memoryUsage.rss();
      };
      const before = await rounds(20);
      console.log((await rounds(80)) - before);`;
    // SwiftShader starts threads anew with every device; few malloc arenas keep them from blurring the figure.
    const env = { ...process.env, MALLOC_ARENA_MAX: "2" };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], { env });
    // 80 rounds' weights are 336 MB.
    expect(Number(stdout)).toBeLessThan(150e6);
  } finally {
    await rm(folder, { recursive: true });
  }
});
