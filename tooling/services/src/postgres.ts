/** A PostgreSQL of the machine's own, for one test file; where there is none, its tests are skipped with a line that says so. */
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.js";

export interface Postgres {
  readonly url: string;
  /** As if the machine were pulled out. */
  stop(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

const run = promisify(execFile);
const root = "/usr/lib/postgresql";

/** Debian's; the newest. */
function programs(): string | undefined {
  if (!existsSync(root)) return undefined;
  const folders = readdirSync(root).map((version) => join(root, version, "bin"));
  return folders.filter((folder) => existsSync(join(folder, "initdb"))).pop();
}

const bin = programs();
export const hasPostgres = bin !== undefined;
if (!hasPostgres) console.info("no PostgreSQL here (apt-get install postgresql): the tests on it are skipped");

/** PostgreSQL does not run as root: Debian's user for it does. */
function account(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (what: string): number => Number(execFileSync("id", [what, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

export async function startPostgres(): Promise<Postgres> {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-postgres-"));
  const user = account();
  chmodSync(folder, 0o755);
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const port = await freePort();
  const call = (program: string, ...options: string[]): Promise<unknown> =>
    run(join(bin ?? "", program), options, { ...user, cwd: folder });
  await call("initdb", "-D", data, "-A", "trust", "-U", "dynamo", "--no-sync");
  const start = async (): Promise<void> => {
    const settings = `-p ${port} -h 127.0.0.1 -k ${folder}`;
    await call("pg_ctl", "-D", data, "-w", "-l", join(folder, "log"), "-o", settings, "start");
  };
  const stop = async (): Promise<void> => {
    await call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop");
  };
  await start();
  return {
    url: `postgres://dynamo@127.0.0.1:${port}/postgres`,
    ...{ start, stop },
    async remove() {
      await stop().catch(() => undefined);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
