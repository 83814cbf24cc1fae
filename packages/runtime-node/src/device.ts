/** Which device `auto` takes. */
import type { DeviceChoice } from "@dynamo/core";
import type { NodeDevice } from "./settings.js";
import { probeDevice, type Probe } from "./probe-process.js";
import { machineKey, recallChoice, rememberChoice } from "./remembered-choice.js";
import { cudaGaps, hasGpu, thisMachine } from "./requirements.js";

/** All that the choice depends on. */
export interface Evidence {
  /** A GPU rather than a software renderer. */
  readonly gpu: boolean;
  /** Of the devices that were tried and timed; cuda is left out where it cannot work. */
  readonly probes: Readonly<Partial<Record<NodeDevice, Probe>>>;
}

interface Timed {
  readonly device: NodeDevice;
  readonly pass: number;
}

/** The fastest device of those that work; without a GPU the CPU, untimed: software WebGPU is slower. */
export function chooseDevice({ gpu, probes }: Evidence): DeviceChoice {
  if (!gpu) return { device: "cpu", reason: "no GPU was found" };
  const timed = (["webgpu", "cuda", "cpu"] as const).flatMap((device): Timed[] => {
    const probe = probes[device];
    return probe?.works === true && probe.pass !== undefined ? [{ device, pass: probe.pass }] : [];
  });
  const [best, next] = timed.sort((a, b) => a.pass - b.pass);
  if (best === undefined || !timed.some(({ device }) => device !== "cpu")) {
    return { device: "cpu", reason: `a GPU was found, but ${complaint(probes) ?? "nothing ran on it"}` };
  }
  // Between GPU providers the other one is the news; against the CPU alone, that is.
  const rival =
    best.device === "cpu" ? next : (timed.find(({ device }) => device !== best.device && device !== "cpu") ?? next);
  const failed = best.device === "cuda" || rival?.device === "cuda" ? undefined : complaint({ cuda: probes.cuda });
  const reason = rival === undefined ? "the only device that could be timed" : comparison(best, rival);
  return { device: best.device, reason: failed === undefined ? reason : `${reason}; ${failed}` };
}

function comparison(best: Timed, rival: Timed): string {
  const ratio = (rival.pass / best.pass).toFixed(1);
  return `${best.device} measured ${ratio} x faster than ${rival.device} (${milliseconds(best)} against ${milliseconds(rival)} ms per pass)`;
}

function milliseconds({ pass }: Timed): string {
  return pass < 100 ? pass.toPrecision(2) : pass.toFixed(0);
}

function complaint(probes: Partial<Record<NodeDevice, Probe | undefined>>): string | undefined {
  const failed = Object.entries(probes).flatMap(([device, probe]) =>
    probe?.works === false ? [`${device} failed: ${probe.detail}`] : [],
  );
  return failed.length === 0 ? undefined : failed.join("; ");
}

/**
 * Looks at the machine and, where there is a GPU, times the devices one after the other in processes of their own. The
 * outcome is remembered on disk, unless a device failed: that may be about to be mended.
 */
export async function detectDevice(threads: number): Promise<DeviceChoice> {
  const machine = thisMachine();
  if (!hasGpu(machine)) return chooseDevice({ gpu: false, probes: {} });
  const key = machineKey(machine, threads);
  const recalled = await recallChoice(machine, key);
  if (recalled !== undefined) return recalled;
  const candidates: NodeDevice[] = ["cpu", "webgpu", ...(cudaGaps(machine).length === 0 ? (["cuda"] as const) : [])];
  const probes: Partial<Record<NodeDevice, Probe>> = {};
  for (const device of candidates) probes[device] = await probeDevice({ device, threads }, { measure: true });
  const choice = chooseDevice({ gpu: true, probes });
  if (Object.values(probes).every(({ works }) => works)) await rememberChoice(machine, key, choice);
  return choice;
}
