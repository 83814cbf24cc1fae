import { tensor } from "@dynamo/core";
import { createNodeRuntime } from "@dynamo/runtime-node";
import { describe, expect, test } from "vitest";
import { heavyGraph } from "./graphs.js";
import { runtimeContract } from "./runtime-contract.js";
import { useSwiftShader } from "./swiftshader.js";

const available = useSwiftShader();

describe.runIf(available)("software", () => {
  runtimeContract("webgpu", () => createNodeRuntime({ device: "webgpu", threads: 1 }), {
    dtypes: ["float32", "int32", "uint32", "int64", "bool"],
    programs: 8,
  });

  test("200 sessions created and disposed do not add up in memory", async () => {
    const runtime = createNodeRuntime({ device: "webgpu" });
    const rounds = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) {
        const session = await runtime.createSession({ bytes });
        await session.run({ x }, ["y"]);
        await session.dispose();
      }
      return process.memoryUsage.rss();
    };
    const bytes = heavyGraph(1024, 1);
    const x = tensor("float32", [1, 1024]);
    const before = await rounds(40);
    // 160 rounds' weights are 670 MB; how many freed buffers are kept varies by 200 MB, and does not grow.
    expect((await rounds(160)) - before).toBeLessThan(450e6);
    await runtime.dispose();
  });
});
