/** What works on this machine and what it would take: the facts behind `dynamo doctor`. */
import type { NodeDevice } from "./settings.js";
import { probeDevice } from "./probe-process.js";
import { cudaGaps, hasGpu, packageVersion, remedyFor, thisMachine } from "./requirements.js";
import { threadCount } from "./threads.js";

/** Whether a device works here, and why not. */
export interface DeviceReport {
  readonly device: NodeDevice;
  readonly works: boolean;
  /** One or two sentences: what was tried, or what is missing. */
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** The execution provider, e.g. "onnxruntime-node 1.30.0". */
  readonly provider: string;
  /** CPU threads of one operator. */
  readonly threads: number;
}

/** Tries every device, by running a tiny graph on it in a child process; a driver that crashes is reported. */
export async function diagnose(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of ["cpu", "cuda", "webgpu"] as const) reports.push(await diagnoseDevice(device));
  return reports;
}

async function diagnoseDevice(device: NodeDevice): Promise<DeviceReport> {
  const machine = thisMachine();
  const common = { device, provider: `onnxruntime-node ${packageVersion()}`, threads: threadCount(undefined) };
  const gaps = device === "cuda" ? cudaGaps(machine) : [];
  if (gaps.length > 0) {
    const [detail, remedy] = [
      gaps.map(({ missing }) => missing).join(" "),
      gaps.map(({ remedy: step }) => step).join(" "),
    ];
    return { ...common, works: false, detail, remedy };
  }
  const probe = await probeDevice({ device, threads: common.threads });
  if (!probe.works) {
    const remedy = remedyFor(device, probe.detail);
    return { ...common, works: false, detail: probe.detail, ...(remedy === undefined ? {} : { remedy }) };
  }
  const software = device === "webgpu" && !hasGpu(machine) ? " It is a software renderer, slower than the CPU." : "";
  return {
    ...common,
    works: true,
    detail: `A test graph was loaded and run in ${Math.round(probe.firstRun)} ms.${software}`,
  };
}
