/**
 * `pnpm soak:server [--quick] [--requests N] [--minutes M] [--clients N] [--seed N] [--json FILE]`: many clients, some of which
 * leave, against a real server for a long time. Every request has to be answered, no slot may stay taken, no memory may go on growing.
 */
import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { describeEnvironment } from "./environment.js";
import { readMetrics, startServerProcess, type ServerProcess } from "./server-process.js";
import { soak, type SoakOutcome } from "./soak-clients.js";
import { childrenOf, memoryTrend, residentBytes, type MemoryTrend } from "./soak-memory.js";
import { parseSoakOptions, type SoakOptions } from "./soak-options.js";
import { formatTable } from "./table.js";

/** Fewer places than clients: some are told to wait. */
const [slots, queue] = [8, 16];
/** Seconds before which memory still warms up, and says nothing. */
const leastSeconds = 30;
/** Milliseconds between two looks at the memory, and for the last slot to be free. */
const [betweenSamples, patience] = [1000, 10_000];

interface SoakResult extends SoakOutcome {
  readonly memory: { readonly server: MemoryTrend; readonly inference: MemoryTrend };
  /** When the last client had gone. */
  readonly left: { readonly slotsActive: number; readonly queued: number };
  /** It lived from the beginning to the end. */
  readonly sameInferenceProcess: boolean;
  readonly exitCode: number | null;
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseSoakOptions(args);
  const environment = describeEnvironment(new URL("../../../", import.meta.url));
  const { machine, versions, commit, date } = environment;
  print(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.os}`);
  print(`Node ${versions["node"] ?? ""}, commit ${commit ?? "unknown"}, ${date}`);
  // Of a minute: figures of a machine that did other things at the same time are not those of a quiet one.
  const loadBefore = loadavg()[0];
  const result = await run(options);
  print(tableOf(result));
  const faults = faultsOf(result);
  for (const fault of faults) print(`FAILED: ${fault}`);
  if (options.json !== undefined) {
    const command = ["pnpm soak:server", ...args].join(" ");
    const settings = { ...options, slots, queue, loadBefore };
    writeFileSync(
      options.json,
      `${JSON.stringify({ command, ...environment, settings, result, faults }, undefined, 2)}\n`,
    );
  }
  if (faults.length > 0) process.exitCode = 1;
  else {
    const memory = result.seconds < leastSeconds ? "memory is not judged in so short a run" : "memory is flat";
    print(`every request was answered, every slot is free, ${memory}`);
  }
}

async function run(options: SoakOptions): Promise<SoakResult> {
  const server = await startServerProcess(["--slots", String(slots), "--queue", String(queue)]);
  try {
    const [inference = 0] = await childrenOf(server.pid);
    const memory = watchMemory({ server: server.pid, inference });
    const outcome = await soak(server.address, options);
    const samples = await memory.stop();
    const left = await placesLeft(server);
    const sameInferenceProcess = (await childrenOf(server.pid)).join() === String(inference);
    return {
      ...outcome,
      memory: {
        server: memoryTrend(samples.server, options.allowedGrowth),
        inference: memoryTrend(samples.inference, options.allowedGrowth),
      },
      left,
      sameInferenceProcess,
      exitCode: await server.stop(),
    };
  } finally {
    await server.stop();
  }
}

interface Watched<Value> {
  readonly server: Value;
  readonly inference: Value;
}

function watchMemory(pids: Watched<number>): { stop(): Promise<Watched<readonly number[]>> } {
  const samples: Watched<number[]> = { server: [], inference: [] };
  const over = new AbortController();
  const watching = (async () => {
    while (!over.signal.aborted) {
      samples.server.push(await residentBytes(pids.server));
      samples.inference.push(await residentBytes(pids.inference));
      await delay(betweenSamples, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      over.abort();
      await watching;
      return samples;
    },
  };
}

/** What is still taken when everybody had time to leave. */
async function placesLeft({ address }: ServerProcess): Promise<SoakResult["left"]> {
  const end = performance.now() + patience;
  for (;;) {
    const metrics = await readMetrics(address);
    const left = { slotsActive: metrics("dynamo_slots_active"), queued: metrics("dynamo_queue") };
    // The gauges are set together: without them nothing would be left whatever happened.
    if (metrics("dynamo_slots") !== slots) throw new Error("/metrics does not tell the number of slots");
    if ((left.slotsActive === 0 && left.queued === 0) || performance.now() > end) return left;
    await delay(100);
  }
}

function faultsOf({ failed, failures, seconds, memory, left, sameInferenceProcess, exitCode }: SoakResult): string[] {
  const grown = seconds < leastSeconds ? [] : Object.entries(memory).filter(([, { flat }]) => !flat);
  return [
    ...(failed > 0 ? [`${failed} requests were not answered as they should be:\n  ${failures.join("\n  ")}`] : []),
    ...grown.map(([name, trend]) => `the memory of ${name} grew by ${trend.growth.toFixed(1)} MiB`),
    ...(left.slotsActive > 0 ? [`${left.slotsActive} slots are still taken`] : []),
    ...(left.queued > 0 ? [`${left.queued} requests still wait`] : []),
    ...(sameInferenceProcess ? [] : ["the inference process ended on the way"]),
    ...(exitCode === 0 ? [] : [`the server ended with ${exitCode ?? "a signal"}, expected 0`]),
  ];
}

function tableOf(result: SoakResult): string {
  const { whole, cancelled, failed, toldToWait, tokens, seconds, memory } = result;
  const requests = whole + cancelled + failed;
  const counts = { requests, whole, cancelled, failed, "told to wait": toldToWait };
  const rates = { seconds, "requests/s": requests / seconds, "tokens/s": tokens / seconds };
  const rows = Object.entries(memory).map(([process, { secondQuarter, lastQuarter, most, growth, allowed }]) => ({
    ...{ process, "2nd quarter MiB": secondQuarter, "last quarter MiB": lastQuarter, "most MiB": most },
    ...{ "growth MiB": growth, "allowed MiB": allowed },
  }));
  return `\n${formatTable([{ ...counts, ...rates }])}\n\n${formatTable(rows)}\n`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
