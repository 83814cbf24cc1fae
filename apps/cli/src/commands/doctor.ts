/** `dynamo doctor`: what works on this machine, and what is missing for the rest. */
import { arch, cpus, freemem, platform, release, totalmem } from "node:os";
import { sizeText } from "@dynamo/core";
import { diagnose } from "@dynamo/runtime-node";
import { paint } from "../paint.js";
import type { DoctorOptions } from "../schemas/models.js";

export async function doctor({ json }: DoctorOptions): Promise<void> {
  const devices = await diagnose();
  const machine = {
    node: process.version,
    system: `${platform()} ${release()} ${arch()}`,
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${sizeText(totalmem())}, ${sizeText(freemem())} free`,
  };
  if (json) {
    console.log(JSON.stringify({ machine, devices }));
    return;
  }
  for (const [label, value] of Object.entries(machine)) console.log(`${paint.dim(label.padEnd(8))} ${value}`);
  for (const { device, works, detail, remedy, provider, threads } of devices) {
    console.log(
      `${works ? paint.green("works") : paint.yellow("no   ")}    ${paint.bold(device.padEnd(7))} ${detail} ${paint.dim(`(${provider}, ${threads} threads)`)}`,
    );
    if (remedy !== undefined) console.log(`                 ${remedy}`);
  }
}
