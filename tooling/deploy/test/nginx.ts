/** The nginx of deploy/nginx.conf as a process, with other addresses and folders than in a container. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { openSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@dynamo/services";
import { readText } from "./files.js";

/** Debian has it in /usr/sbin, which is not everybody's PATH. */
const environment = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };

/** undefined where there is no nginx; with CI=true that is an error. */
export function nginxVersion(): string | undefined {
  const { status, stderr } = spawnSync("nginx", ["-v"], { env: environment, encoding: "utf8" });
  if (status === 0) return stderr.trim();
  if (process.env["CI"] === "true") throw new Error("nginx is not installed: apt-get install nginx-light");
  console.warn("skipped: there is no nginx on this machine (Debian: apt-get install nginx-light)");
  return undefined;
}

/** A line of the access log. */
export interface Access {
  readonly path: string;
  readonly status: number;
  readonly upstream: string;
  readonly upstream_status: string;
  readonly request_id: string;
}

export interface RunningNginx {
  readonly address: string;
  accesses(): Promise<Access[]>;
  stop(): Promise<void>;
}

/** Throws where `from` is not in the file: a test of another configuration would be none. */
function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`deploy/nginx.conf has no "${from}"`);
  return text.replaceAll(from, to);
}

/** @param ports of the two replicas on this machine */
export async function startNginx([first, second]: readonly [number, number]): Promise<RunningNginx> {
  const folder = await mkdtemp(join(tmpdir(), "dynamo-nginx-"));
  // Started by root, its workers are nobody's.
  await chmod(folder, 0o755);
  const port = await freePort();
  const changes: readonly (readonly [string, string])[] = [
    ["server-1:8080", `127.0.0.1:${first}`],
    ["server-2:8080", `127.0.0.1:${second}`],
    ["listen 8080", `listen 127.0.0.1:${port}`],
    ["/tmp/", `${folder}/`],
    // A log file that a test can read: Node's pipes are sockets, which cannot be opened by name.
    ["/dev/stdout", `${folder}/access.log`],
  ];
  const text = changes.reduce((conf, [from, to]) => replaced(conf, from, to), readText("deploy/nginx.conf"));
  await writeFile(join(folder, "nginx.conf"), text);
  const errors = openSync(join(folder, "error.log"), "w");
  const child = spawn("nginx", ["-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off;"], {
    env: environment,
    stdio: ["ignore", errors, errors],
  });
  const address = `http://127.0.0.1:${port}`;
  const log = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  for (let tries = 0; !(await answers(address)); tries += 1) {
    if (child.exitCode !== null || tries > 100) throw new Error(`nginx did not start: ${await log("error.log")}`);
    await delay(50);
  }
  return {
    address,
    async accesses() {
      // A request's line is written after its last byte went out.
      await delay(200);
      const lines = (await log("access.log")).split("\n").filter((line) => line !== "");
      return lines.map((line) => JSON.parse(line) as Access);
    },
    async stop() {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

/** /metrics is answered by nginx itself. */
const answers = (address: string): Promise<boolean> =>
  fetch(`${address}/metrics`).then(
    ({ status }) => status === 404,
    () => false,
  );
