/** Tries a device in a child process; each question is asked once per process. */
import { execFile, type ExecFileException } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EngineSettings } from "./settings.js";

export type Probe =
  | {
      readonly works: true;
      /** Milliseconds to open a session for a tiny graph and run it. */
      readonly firstRun: number;
      /** Milliseconds of a decoding pass, when it was measured. */
      readonly pass?: number;
    }
  | { readonly works: false; readonly detail: string };

/** A GPU's first shaders may take long to compile; a driver that hangLimit must not hang the caller. */
const timeout = 120_000;
const script = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../dist/probe.js" : "./probe.js", import.meta.url),
);

const asked = new Map<string, Promise<Probe>>();

/** Never rejects. Drivers are looked up by the environment, so the variables that say where belong to the question. */
export function probeDevice(settings: EngineSettings, { measure = false } = {}): Promise<Probe> {
  const drivers = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"].map(
    (name) => process.env[name],
  );
  const key = JSON.stringify([settings, measure, drivers]);
  const probe = asked.get(key) ?? run([JSON.stringify(settings), measure ? "measure" : "try"]);
  asked.set(key, probe);
  return probe;
}

function run(args: readonly string[]): Promise<Probe> {
  return new Promise((resolve) => {
    const options = { timeout, windowsHide: true, killSignal: "SIGKILL" } as const;
    execFile(process.execPath, [script, ...args], options, (error, stdout, stderr) => {
      resolve(parseProbe(stdout) ?? { works: false, detail: failure(error, stderr) });
    });
  });
}

function parseProbe(stdout: string): Probe | undefined {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  return line.startsWith("{") ? (JSON.parse(line) as Probe) : undefined;
}

/** What is said of a probe that ended without an answer. */
function failure(error: ExecFileException | null, stderr: string): string {
  const last = stderr.trim().split("\n").at(-1) ?? "";
  const said = last === "" ? "" : ` after saying: ${last}`;
  if (error?.killed === true) return `the test process gave no answer within ${timeout / 1000} s${said}`;
  return `the test process ended with ${error?.signal ?? `exit code ${error?.code ?? 0}`}${said}`;
}
