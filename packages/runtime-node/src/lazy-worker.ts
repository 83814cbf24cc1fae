/** A runtime's device and worker: each is decided on and started with the first call that needs it. */
import type { DeviceChoice } from "@dynamo/core";
import { unsupportedDevice, type InferenceWorker, type WorkerLink } from "@dynamo/ort";
import { detectDevice } from "./device.js";
import type { NodeDevice } from "./settings.js";
import { cudaGaps, thisMachine } from "./requirements.js";
import { startWorker } from "./worker-link.js";

export function lazyWorker(
  wanted: "auto" | NodeDevice,
  threads: number,
  log: (line: string) => void,
): InferenceWorker<WorkerLink> {
  let choice: Promise<DeviceChoice> | undefined;
  let worker: Promise<WorkerLink> | undefined;

  async function choose(): Promise<DeviceChoice> {
    const chosen = wanted === "auto" ? await detectDevice(threads) : askedFor(wanted);
    log(`device: ${chosen.device} (${chosen.reason})`);
    return chosen;
  }

  async function start(): Promise<WorkerLink> {
    const { device } = await (choice ??= choose());
    const link = startWorker({ device: device as NodeDevice, threads }, (reason) => {
      worker = undefined;
      log(reason);
    });
    try {
      // A missing driver is the device's fault: it must not look like the model's.
      if (device !== "cpu") await link.call<"check-device">({ kind: "check-device" });
      return link;
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  return {
    device: () => (choice ??= choose()),
    link() {
      worker ??= start().catch((error: unknown) => {
        worker = undefined;
        throw error;
      });
      return worker;
    },
    async close() {
      const link = await worker?.catch(() => undefined);
      await link?.close();
    },
  };
}

function askedFor(device: NodeDevice): DeviceChoice {
  const gaps = device === "cuda" ? cudaGaps(thisMachine()) : [];
  if (gaps.length === 0) return { device, reason: "asked for" };
  throw unsupportedDevice(device, gaps.map(({ missing, remedy }) => `${missing} ${remedy}`).join(" "), undefined);
}
