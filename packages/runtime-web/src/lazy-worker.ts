/** A runtime's device and worker: each is decided on and started with the first call that needs it. */
import type { DeviceChoice } from "@dynamo/core";
import { unsupportedDevice, type InferenceWorker } from "@dynamo/ort";
import { sessionMemory, thisBrowser, webgpuSupport } from "./device.js";
import { messageOf, type WebDevice, type WorkerSettings } from "./settings.js";
import { startWorker, type WebWorkerLink } from "./worker-link.js";

interface Started {
  readonly choice: DeviceChoice;
  readonly link: WebWorkerLink;
}

/** What ended a runtime's worker, and with it the caches of its sessions. */
export interface Loss {
  /** One sentence for people. */
  readonly reason: string;
  /** A session whose `device` was lost loads its graph once more when it is next used; one whose `worker` ended does not. */
  readonly what: "device" | "worker";
}

export interface Listeners {
  readonly log: (line: string) => void;
  readonly onLost: (loss: Loss) => void;
}

export function lazyWorker(
  wanted: "auto" | WebDevice,
  settings: WorkerSettings,
  { log, onLost }: Listeners,
): InferenceWorker<WebWorkerLink> {
  let started: Promise<Started> | undefined;

  async function start(choice: DeviceChoice & { readonly device: WebDevice }): Promise<Started> {
    const { device, reason } = choice;
    const link = startWorker(device, settings, (why) => {
      started = undefined;
      log(why);
      onLost({ reason: why, what: link.lost === undefined ? "worker" : "device" });
    });
    try {
      await link.call<"check-device">({ kind: "check-device" });
    } catch (error) {
      await link.close();
      throw error;
    }
    log(`device: ${device} (${reason})`);
    return { choice: { ...choice, memory: sessionMemory(thisBrowser()) }, link };
  }

  async function choose(): Promise<Started> {
    if (wanted === "wasm") return start({ device: "wasm", reason: "asked for" });
    const { gap, float16 } = await webgpuSupport(thisBrowser(), wanted === "webgpu");
    if (wanted === "webgpu") {
      if (gap !== undefined) throw unsupportedDevice("webgpu", gap, undefined);
      return start({ device: "webgpu", reason: "asked for", float16 });
    }
    if (gap !== undefined) return start({ device: "wasm", reason: gap });
    try {
      return await start({ device: "webgpu", reason: "the browser has a GPU", float16 });
    } catch (error) {
      return start({ device: "wasm", reason: messageOf(error) });
    }
  }

  const current = (): Promise<Started> =>
    (started ??= choose().catch((error: unknown) => {
      started = undefined;
      throw error;
    }));

  return {
    device: async () => (await current()).choice,
    link: async () => (await current()).link,
    async close() {
      const open = await started?.catch(() => undefined);
      await open?.link.close();
    },
  };
}
