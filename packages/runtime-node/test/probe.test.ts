/** Devices are tried in child processes: what they answer, and what happens when they die. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNodeRuntime, diagnose } from "@dynamo/runtime-node";
import { afterEach, expect, test, vi } from "vitest";
import { probeDevice } from "../src/probe-process.js";
import { useSwiftShader } from "./swiftshader.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("the CPU works and can be timed; the same question is asked once", async () => {
  const settings = { device: "cpu", threads: 1 } as const;
  const question = probeDevice(settings, { measure: true });
  expect(probeDevice(settings, { measure: true })).toBe(question);
  const probe = await question;
  expect(probe).toMatchObject({ works: true });
  expect(probe.works && (probe.pass as number) > 0).toBe(true);
});

test("a driver that crashes takes the child process down, not this one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "runtime-node-"));
  try {
    const crash = join(folder, "crash.cjs");
    await writeFile(crash, `process.stderr.write("a driver gives up\\n"); process.abort();`);
    vi.stubEnv("NODE_OPTIONS", `--require=${crash}`);
    const probe = await probeDevice({ device: "cpu", threads: 7 });
    expect(probe).toMatchObject({
      works: false,
      detail: expect.stringContaining("the test process ended with SIGABRT"),
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("webgpu without any driver is refused with what to do", async () => {
  if (process.platform !== "linux") return;
  vi.stubEnv("VK_DRIVER_FILES", "/none.json");
  const probe = await probeDevice({ device: "webgpu", threads: 1 });
  expect(probe).toMatchObject({ works: false, detail: expect.stringContaining("WebGPU adapter") });
});

test("diagnose reports every device, with a remedy for each that does not work", async () => {
  useSwiftShader();
  const reports = await diagnose();
  expect(reports.map(({ device }) => device)).toEqual(["cpu", "cuda", "webgpu"]);
  expect(reports[0]).toMatchObject({ works: true, detail: expect.stringContaining("A test graph was loaded and run") });
  for (const { works, remedy, provider, threads } of reports) {
    expect(works || remedy !== undefined).toBe(true);
    expect(provider).toMatch(/^onnxruntime-node \d/);
    expect(threads).toBeGreaterThan(0);
  }
});

test("auto never takes a software renderer", async () => {
  if (process.platform !== "linux") return;
  vi.stubEnv("VK_DRIVER_FILES", "/somewhere/vk_swiftshader_icd.json");
  const runtime = createNodeRuntime();
  expect(await runtime.device()).toEqual({ device: "cpu", reason: "no GPU was found" });
  await runtime.dispose();
});

test("cuda without its libraries is refused with what to do", async () => {
  const [, cuda] = await diagnose();
  if (cuda?.works === true) return;
  const runtime = createNodeRuntime({ device: "cuda" });
  const rejection = expect.objectContaining({
    code: "unsupported",
    message: expect.stringContaining("cuda does not work here"),
  });
  await expect(runtime.device()).rejects.toEqual(rejection);
  await expect(runtime.createSession({ bytes: new Uint8Array(1) })).rejects.toEqual(rejection);
  await runtime.dispose();
});
