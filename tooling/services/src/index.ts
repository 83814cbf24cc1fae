/** Services that servers share, as processes of the tests' own. */
export { freePort } from "./free-port.js";
export { hasPostgres, startPostgres } from "./postgres.js";
export type { Postgres } from "./postgres.js";
export { hasRedis, startRedis } from "./redis.js";
export type { RunningRedis } from "./redis.js";
