import { describe, expect, test } from "vitest";
import {
  cudaGaps,
  hasGpu,
  nativeFolder,
  packageVersion,
  remedyFor,
  thisMachine,
  type Machine,
} from "./requirements.js";
import { threadCount } from "./threads.js";

/** A Linux x64 machine with just these files. */
function machine(files: Readonly<Record<string, string>>, more: Partial<Machine> = {}): Machine {
  const names = Object.keys(files);
  return {
    platform: "linux",
    arch: "x64",
    environment: {},
    exists: (path) => names.some((name) => name === path || name.startsWith(`${path}/`)),
    list: (path) => [
      ...new Set(
        names
          .filter((name) => name.startsWith(`${path}/`))
          .map((name) => name.slice(path.length + 1).split("/")[0] as string),
      ),
    ],
    read: (path) => files[path] ?? "",
    ...more,
  };
}

const driver = { "/proc/driver/nvidia/version": "NVRM" };

describe("cuda", () => {
  test("says what is missing and how to get it", () => {
    const gaps = cudaGaps(machine({}), "/native");
    expect(gaps.map(({ missing }) => missing)).toEqual([
      expect.stringContaining("no NVIDIA driver"),
      expect.stringContaining("libonnxruntime_providers_cuda.so is not in onnxruntime-node"),
    ]);
    expect(gaps[1]?.remedy).toContain("install.js --onnxruntime-node-install");
    expect(cudaGaps(machine(driver), "/native")).toHaveLength(1);
    expect(cudaGaps(machine({ ...driver, "/native/libonnxruntime_providers_cuda.so": "" }), "/native")).toEqual([]);
  });

  test("is not for other platforms", () => {
    expect(cudaGaps(machine(driver, { platform: "win32" }))[0]?.missing).toContain(
      "linux x64 only, and this is win32 x64",
    );
    expect(cudaGaps(machine(driver, { arch: "arm64" }))).toHaveLength(1);
  });

  test("that cannot load is told apart from CUDA that cannot", () => {
    const noProvider = "libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory";
    expect(remedyFor("cuda", noProvider)).toContain("install.js");
    const noToolkit =
      "Failed to load library libonnxruntime_providers_cuda.so: libcublasLt.so.12: cannot open shared object file";
    expect(remedyFor("cuda", noToolkit)).toContain("CUDA 12 runtime libraries and cuDNN 9");
    expect(remedyFor("cpu", "anything")).toBeUndefined();
  });
});

describe("a GPU", () => {
  test("is a PCI device of a vendor, NVIDIA's driver, or WSL's", () => {
    expect(hasGpu(machine({ "/sys/class/drm/renderD128/device/vendor": "0x1002\n" }))).toBe(true);
    expect(hasGpu(machine(driver))).toBe(true);
    expect(hasGpu(machine({ "/dev/dxg": "" }))).toBe(true);
    expect(hasGpu(machine({}, { platform: "darwin" }))).toBe(true);
  });

  test("is neither a virtual display nor a software renderer", () => {
    expect(hasGpu(machine({}))).toBe(false);
    expect(
      hasGpu(
        machine({
          "/sys/class/drm/renderD128/device/vendor": "0x1af4\n",
          "/sys/class/drm/card0/device/vendor": "0x1002\n",
        }),
      ),
    ).toBe(false);
    for (const name of ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]) {
      expect(hasGpu(machine(driver, { environment: { [name]: "/x/vk_swiftshader_icd.json" } }))).toBe(false);
      expect(hasGpu(machine(driver, { environment: { [name]: "/x/lvp_icd.x86_64.json" } }))).toBe(false);
    }
  });
});

test("the native libraries are found, and their version", () => {
  const folder = nativeFolder(thisMachine());
  expect(folder).toBeDefined();
  expect(thisMachine().list(folder as string)).toContain("onnxruntime_binding.node");
  expect(packageVersion()).toMatch(/^\d+\.\d+\.\d+$/);
});

describe("threads", () => {
  const core = (processor: number, physical: number, id: number): string =>
    `processor\t: ${processor}\nphysical id\t: ${physical}\ncore id\t\t: ${id}\n`;

  test("are the physical cores that may be used, at most 16", () => {
    const hyper = machine({ "/proc/cpuinfo": [core(0, 0, 0), core(1, 0, 1), core(2, 0, 0), core(3, 0, 1)].join("\n") });
    expect(threadCount(undefined, 4, hyper)).toBe(2);
    expect(threadCount(undefined, 1, hyper)).toBe(1);
    const sockets = machine({
      "/proc/cpuinfo": Array.from({ length: 64 }, (_, i) => core(i, i >> 5, i & 31)).join("\n"),
    });
    expect(threadCount(undefined, 64, sockets)).toBe(16);
    expect(threadCount(undefined, 6, machine({}))).toBe(6);
  });

  test("are what was asked for", () => {
    expect(threadCount(3, 64, machine({}))).toBe(3);
  });
});
