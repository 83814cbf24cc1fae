import { spawn } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { lockFolder } from "./folder-lock.js";

it.each(["short", "a folder with a name so long that no socket has it as its address".repeat(2)])(
  "one holder at a time; a released lock and a dead holder's are free: %s",
  async (name) => {
    const parent = mkdtempSync(join(tmpdir(), "dynamo-lock-"));
    const folder = join(parent, name);
    mkdirSync(folder);
    try {
      const first = await lockFolder(folder);
      await expect(lockFolder(folder)).rejects.toMatchObject({ code: "invalid-argument" });
      await first.release();
      await (await lockFolder(folder)).release();
    } finally {
      rmSync(parent, { recursive: true });
    }
  },
);

it("of many that find a dead holder's lock, one gets it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-lock-"));
  try {
    const script = `require("net").createServer().listen(${JSON.stringify(join(folder, "lock.sock"))}, () => console.log("up"))`;
    const holder = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const gone = once(holder, "exit");
    holder.kill("SIGKILL");
    await gone;
    const tries = await Promise.allSettled(Array.from({ length: 5 }, () => lockFolder(folder)));
    const locks = tries.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    expect(locks).toHaveLength(1);
    await locks[0]?.release();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("leaves the lock to a process that has only just taken it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dynamo-lock-"));
  const [lock, kept] = [join(folder, "lock.sock"), join(folder, "kept")];
  const taken = createServer((socket) => socket.end("its token"));
  try {
    const early = createServer().listen(lock);
    await once(early, "listening");
    renameSync(lock, kept);
    await new Promise((done) => early.close(done));
    linkSync(kept, lock);
    // Its address is there, and nobody answers yet.
    const refused = expect(lockFolder(folder)).rejects.toMatchObject({ code: "invalid-argument" });
    await new Promise((done) => setTimeout(done, 30));
    expect(statSync(lock).ino).toBe(statSync(kept).ino);
    rmSync(lock);
    taken.listen(lock);
    await refused;
  } finally {
    taken.close();
    rmSync(folder, { recursive: true });
  }
});
