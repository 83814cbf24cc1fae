/** A runtime's device and worker: each is decided on and started with the first call that needs it. */
import type { DeviceChoice } from "@dynamo/core";
import { unsupportedDevice, type InferenceWorker } from "@dynamo/runtime-common";
import { thisBrowser, webgpuGap } from "./device.js";
import { messageOf, type WebDevice, type WorkerSettings } from "./settings.js";
import { startWorker, type WebWorkerLink } from "./worker-link.js";

interface Started {
  readonly choice: DeviceChoice;
  readonly link: WebWorkerLink;
}

export function lazyWorker(
  wanted: "auto" | WebDevice,
  settings: WorkerSettings,
  log: (line: string) => void,
): InferenceWorker<WebWorkerLink> {
  let started: Promise<Started> | undefined;

  async function start(device: WebDevice, reason: string): Promise<Started> {
    const link = startWorker(device, settings, (why) => {
      started = undefined;
      log(why);
    });
    try {
      await link.call<"check-device">({ kind: "check-device" });
    } catch (error) {
      await link.close();
      throw error;
    }
    log(`device: ${device} (${reason})`);
    return { choice: { device, reason }, link };
  }

  async function choose(): Promise<Started> {
    if (wanted === "wasm") return start("wasm", "asked for");
    const gap = await webgpuGap(thisBrowser(), wanted === "webgpu");
    if (wanted === "webgpu") {
      if (gap !== undefined) throw unsupportedDevice("webgpu", gap, undefined);
      return start("webgpu", "asked for");
    }
    if (gap !== undefined) return start("wasm", gap);
    try {
      return await start("webgpu", "the browser has a GPU");
    } catch (error) {
      return start("wasm", messageOf(error));
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
