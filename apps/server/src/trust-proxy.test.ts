import { DynamoError } from "@dynamo/core";
import fastify from "fastify";
import { describe, expect, test } from "vitest";
import { trustedProxies } from "./trust-proxy.js";

/** Whose address Fastify takes a request for that a peer sends with this header. */
async function clientOf(trust: string, peer: string, forwarded: string): Promise<string> {
  const app = fastify({ trustProxy: trustedProxies(trust) });
  app.get("/", ({ ip }) => ip);
  const answer = await app.inject({ path: "/", remoteAddress: peer, headers: { "x-forwarded-for": forwarded } });
  return answer.body;
}

describe("trustedProxies", () => {
  test.each([
    ["10.0.0.0/8", "10.1.2.3", "203.0.113.7", "203.0.113.7"],
    ["10.0.0.0/8", "10.1.2.3", "6.6.6.6, 203.0.113.7, 10.9.9.9", "203.0.113.7"],
    ["10.0.0.0/8", "192.0.2.1", "203.0.113.7", "192.0.2.1"],
    ["::1, fd00::/8", "fd00::5", "2001:db8::7", "2001:db8::7"],
    ["loopback,uniquelocal", "127.0.0.1", "6.6.6.6, 192.168.1.1", "6.6.6.6"],
    ["1", "10.1.2.3", "6.6.6.6, 203.0.113.7", "203.0.113.7"],
    ["2", "10.1.2.3", "6.6.6.6, 203.0.113.7, 10.9.9.9", "203.0.113.7"],
    ["2", "10.1.2.3", "", "10.1.2.3"],
  ])("%s: from %s for %s is %s", async (trust, peer, forwarded, client) => {
    expect(await clientOf(trust, peer, forwarded)).toBe(client);
  });

  test.each([
    "",
    "true",
    "all",
    "*",
    "0",
    "11",
    "-1",
    "1.5",
    "1,2",
    "10.0.0.0/0",
    "::/0",
    "10.0.0.0/33",
    "::/129",
    "10.0.0/8",
    "10.0.0.0/8/8",
    "10.0.0.0/",
    "host.example",
    "fe80::1%eth0",
    "10.0.0.1,",
  ])("refuses %j", (value) => {
    expect(() => trustedProxies(value)).toThrow(DynamoError);
    expect(() => trustedProxies(value)).toThrow(/expected addresses or networks .*, received/);
  });
});
