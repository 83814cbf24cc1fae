/** What the GPU providers need that the package does not bring: what is missing here, and how to get it. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { NodeDevice } from "./settings.js";

/** The parts of a machine that decide; tests pass their own. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly exists: (path: string) => boolean;
  /** Names in a folder; none when it cannot be read. */
  readonly list: (path: string) => readonly string[];
  /** A file's text; empty when it cannot be read. */
  readonly read: (path: string) => string;
}

export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    environment: process.env,
    exists: existsSync,
    list: (path) => orElse(() => readdirSync(path), []),
    read: (path) => orElse(() => readFileSync(path, "utf8"), ""),
  };
}

function orElse<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

const cudaLibrary = "libonnxruntime_providers_cuda.so";
/** Package managers that run no install scripts (pnpm) leave this step to the user. */
function installCuda(): string {
  const script = join(packageRoot() ?? "node_modules/onnxruntime-node", "script", "install.js");
  return `Download it from nuget.org with the package's own script, once after every install: node ${script} --onnxruntime-node-install`;
}

const installToolkit = "Install the CUDA 12 runtime libraries and cuDNN 9, and put them on LD_LIBRARY_PATH.";

function packageRoot(): string | undefined {
  return orElse(() => dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json")), undefined);
}

/** The folder of the native libraries; undefined when the package is not installed as usual. */
export function nativeFolder(machine: Machine): string | undefined {
  const root = packageRoot();
  if (root === undefined) return undefined;
  const abi = machine.list(join(root, "bin")).find((name) => name.startsWith("napi-"));
  return abi === undefined ? undefined : join(root, "bin", abi, machine.platform, machine.arch);
}

/** The version of onnxruntime-node, which every bundled provider shares. */
export function packageVersion(): string {
  const { version } = createRequire(import.meta.url)("onnxruntime-node/package.json") as { version: string };
  return version;
}

export interface Gap {
  readonly missing: string;
  readonly remedy: string;
}

/** What `cuda` lacks on this machine; empty when it is worth a try. */
export function cudaGaps(machine: Machine, folder = nativeFolder(machine)): readonly Gap[] {
  if (machine.platform !== "linux" || machine.arch !== "x64") {
    const missing = `onnxruntime-node has CUDA for linux x64 only, and this is ${machine.platform} ${machine.arch}.`;
    return [{ missing, remedy: "Use webgpu." }];
  }
  const gaps: Gap[] = [];
  if (!hasNvidiaDriver(machine)) {
    gaps.push({
      missing: "There is no NVIDIA driver (no /proc/driver/nvidia, no /dev/nvidiactl, no libcuda of WSL).",
      remedy: "Install NVIDIA's driver, release 525 or later.",
    });
  }
  if (folder === undefined || !machine.exists(join(folder, cudaLibrary))) {
    gaps.push({
      missing: `The CUDA provider's library ${cudaLibrary} is not in onnxruntime-node.`,
      remedy: installCuda(),
    });
  }
  return gaps;
}

export function hasNvidiaDriver({ exists }: Machine): boolean {
  return ["/proc/driver/nvidia/version", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1"].some(exists);
}

/** PCI vendors of real GPUs: NVIDIA, AMD, Intel, Qualcomm, Apple. */
const gpuVendors = new Set(["0x10de", "0x1002", "0x8086", "0x5143", "0x106b"]);

/**
 * True when WebGPU would find a GPU rather than a software renderer. ONNX Runtime does not say which adapter it took, so
 * on Linux the kernel's devices are asked; macOS (Metal) and Windows (D3D12) machines have one.
 */
export function hasGpu(machine: Machine): boolean {
  const { platform, environment, exists, list, read } = machine;
  if (platform !== "linux") return platform === "darwin" || platform === "win32";
  const driver = environment["VK_DRIVER_FILES"] ?? environment["VK_ICD_FILENAMES"] ?? "";
  if (/swiftshader|lvp|lavapipe/i.test(driver)) return false;
  if (hasNvidiaDriver(machine) || exists("/dev/dxg")) return true;
  return list("/sys/class/drm")
    .filter((name) => name.startsWith("renderD"))
    .some((name) => gpuVendors.has(read(`/sys/class/drm/${name}/device/vendor`).trim()));
}

/** What to do about a failed attempt, judged by its message. */
export function remedyFor(device: NodeDevice, message: string): string | undefined {
  if (device === "cuda") {
    if (
      /providers_(shared|cuda)/.test(message) &&
      /cannot open|no such file/i.test(message) &&
      !/lib(cublas|cudart|cudnn|cufft|curand)/.test(message)
    ) {
      return installCuda();
    }
    return installToolkit;
  }
  if (device !== "webgpu") return undefined;
  return process.platform === "linux"
    ? "WebGPU needs libvulkan.so.1 (Debian: libvulkan1) and a GPU's Vulkan driver (mesa-vulkan-drivers, or NVIDIA's own); without a GPU, point VK_DRIVER_FILES at SwiftShader's vk_swiftshader_icd.json."
    : "WebGPU needs a GPU with an up-to-date driver.";
}
