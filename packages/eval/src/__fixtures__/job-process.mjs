// A process for jobs that does what each job says: answers, fails, dies, or says nothing.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";

let log;
process.on("message", ({ kind, spec, index, job }) => {
  if (kind === "open") {
    log = spec.log;
    process.send(
      spec.refuse ? { kind: "error", error: { code: "not-found", message: "no such model" } } : { kind: "ready" },
    );
    return;
  }
  appendFileSync(log, `${index} ${process.pid}\n`);
  if (job.deaths !== undefined && begun(job.marker) < job.deaths) process.kill(process.pid, "SIGKILL");
  if (job.silent) return;
  if (job.error) process.send({ kind: "error", error: job.error });
  else setTimeout(() => process.send({ kind: "result", index, result: JSON.stringify(job.value) }), job.value % 7);
});
process.on("disconnect", () => process.exit(0));

/** How often this job was begun before. */
function begun(marker) {
  const before = existsSync(marker) ? readFileSync(marker, "utf8").length : 0;
  appendFileSync(marker, "x");
  return before;
}
