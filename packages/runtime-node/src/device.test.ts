import { describe, expect, test } from "vitest";
import { chooseDevice } from "./device.js";
import type { Probe } from "./probe-process.js";

const timed = (pass: number): Probe => ({ works: true, firstRun: 30, pass });
const broken: Probe = { works: false, detail: "libcudnn.so.9 is missing" };

describe("chooseDevice", () => {
  test("takes the faster of cuda and webgpu, and says by how much", () => {
    expect(chooseDevice({ gpu: true, probes: { cpu: timed(9), webgpu: timed(2), cuda: timed(3.6) } })).toEqual({
      device: "webgpu",
      reason: "webgpu measured 1.8 x faster than cuda (2.0 against 3.6 ms per pass)",
    });
    expect(chooseDevice({ gpu: true, probes: { cpu: timed(9), webgpu: timed(3), cuda: timed(1.5) } })).toEqual({
      device: "cuda",
      reason: "cuda measured 2.0 x faster than webgpu (1.5 against 3.0 ms per pass)",
    });
  });

  test("compares webgpu with the CPU where cuda cannot work, and says why a try of cuda failed", () => {
    expect(chooseDevice({ gpu: true, probes: { cpu: timed(9), webgpu: timed(3) } })).toEqual({
      device: "webgpu",
      reason: "webgpu measured 3.0 x faster than cpu (3.0 against 9.0 ms per pass)",
    });
    const { device, reason } = chooseDevice({ gpu: true, probes: { cpu: timed(9), webgpu: timed(3), cuda: broken } });
    expect(device).toBe("webgpu");
    expect(reason).toContain("; cuda failed: libcudnn.so.9 is missing");
  });

  test("takes the CPU without a GPU, where nothing works on it, and where it measured faster", () => {
    expect(chooseDevice({ gpu: false, probes: {} })).toEqual({ device: "cpu", reason: "no GPU was found" });
    expect(chooseDevice({ gpu: true, probes: { cpu: timed(9), webgpu: broken } })).toEqual({
      device: "cpu",
      reason: "a GPU was found, but webgpu failed: libcudnn.so.9 is missing",
    });
    expect(chooseDevice({ gpu: true, probes: { cpu: timed(4), webgpu: timed(2000) } })).toEqual({
      device: "cpu",
      reason: "cpu measured 500.0 x faster than webgpu (4.0 against 2000 ms per pass)",
    });
    expect(chooseDevice({ gpu: true, probes: {} }).device).toBe("cpu");
  });

  test("takes a GPU that works where the CPU could not be timed", () => {
    expect(chooseDevice({ gpu: true, probes: { cpu: broken, webgpu: timed(2) } })).toEqual({
      device: "webgpu",
      reason: "the only device that could be timed",
    });
  });
});
