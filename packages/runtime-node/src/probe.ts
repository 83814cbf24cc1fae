/**
 * The child process that tries a device: a driver that crashes takes this process down, not the caller's.
 * Arguments: EngineSettings as JSON, and `measure` to time decoding passes too. Prints one line, a Probe as JSON.
 */
import { tryDevice } from "@dynamo/ort";
import { nodeBackend } from "./backend.js";
import { measureDevice } from "./measure.js";
import type { Probe } from "./probe-process.js";
import type { EngineSettings } from "./settings.js";

async function probe(settings: EngineSettings, measure: boolean): Promise<Probe> {
  try {
    const start = performance.now();
    await tryDevice(nodeBackend(settings));
    const firstRun = performance.now() - start;
    return { works: true, firstRun, ...(measure ? { pass: await measureDevice(settings) } : {}) };
  } catch (error) {
    return { works: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

const [settings = "{}", mode] = process.argv.slice(2);
process.stdout.write(`\n${JSON.stringify(await probe(JSON.parse(settings) as EngineSettings, mode === "measure"))}\n`);
