/** Who a request is counted for, without keys: an address, whatever the path's spelling and whatever a client claims. */
import { equalSpellings } from "@dynamo/services/spellings";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDoors, type DoorsServer } from "./doors.js";

const perMinute = 5;

/** How many of the requests are not refused. */
async function passed(server: DoorsServer, targets: readonly string[], from: (i: number) => string): Promise<number> {
  let count = 0;
  for (const [i, target] of targets.entries())
    if ((await server.ask("GET", target, { "x-forwarded-for": from(i) })).status !== 429) count++;
  return count;
}
const same = Array<string>(8).fill("/v1/models");

describe("behind a proxy that is believed", () => {
  let server: DoorsServer;
  beforeAll(async () => {
    server = await openDoors({ perMinute, trustProxy: "loopback" });
  });
  afterAll(() => server.close());

  test("all spellings of all paths count, but for public ones", async () => {
    expect(await passed(server, equalSpellings("/v1/models"), () => "192.0.2.1")).toBe(perMinute);
    expect(await passed(server, Array<string>(8).fill("/healthz"), () => "192.0.2.1")).toBe(8);
  });

  test("each client is counted by itself, as the proxy tells it and not as it tells itself", async () => {
    expect(await passed(server, same, () => "192.0.2.2")).toBe(perMinute);
    expect(await passed(server, same, (i) => `10.0.0.${i}, 192.0.2.3`)).toBe(perMinute);
    expect(await passed(server, same, (i) => `192.0.2.${100 + i}`)).toBe(same.length);
  });

  test("a network of 64 bits is one client; a mapped address is its own", async () => {
    expect(await passed(server, same, (i) => `2001:db8:0:1::${i}`)).toBe(perMinute);
    expect(await passed(server, same, (i) => (i % 2 === 0 ? "198.51.100.1" : "::ffff:198.51.100.1"))).toBe(perMinute);
  });
});

describe("without a word about proxies", () => {
  let server: DoorsServer;
  beforeAll(async () => {
    server = await openDoors({ perMinute });
  });
  afterAll(() => server.close());

  test("nobody is believed", async () => {
    expect(await passed(server, same, (i) => `192.0.2.${i}`)).toBe(perMinute);
  });
});
