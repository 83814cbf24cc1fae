/** Which proxies are believed about whom they speak for (X-Forwarded-For). */
import { isIP } from "node:net";
import { DynamoError } from "@dynamo/core";

/** As Fastify takes it: addresses, or a function of an address and of how many hops it is away. */
export type TrustedProxies = string[] | ((address: string, hop: number) => boolean);

/** Networks with a name. */
const named = new Set(["loopback", "linklocal", "uniquelocal"]);
/** More proxies than that do not stand one behind another. */
const mostHops = 10;

/**
 * `10.77.0.0/24,::1`: addresses, networks, and `loopback`, `linklocal`, `uniquelocal`; or `2`: the last two hops, whatever their
 * addresses. Throws `invalid-argument`; also for a network of all addresses, with which every client could say who it is.
 */
export function trustedProxies(value: string): TrustedProxies {
  const parts = value.split(",").map((part) => part.trim());
  const [first = ""] = parts;
  if (parts.length === 1 && /^\d+$/.test(first)) {
    const hops = Number(first);
    if (hops >= 1 && hops <= mostHops) return (_address, hop) => hop < hops;
  } else if (parts.every((part) => named.has(part) || isNetwork(part))) return parts;
  throw new DynamoError(
    "invalid-argument",
    `trust-proxy: expected addresses or networks with commas between (10.0.0.0/8, ::1, loopback, linklocal, uniquelocal), or the number of proxies from 1 to ${mostHops}, received ${value}`,
  );
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || address.includes("%") || more.length > 0) return false;
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128);
}
