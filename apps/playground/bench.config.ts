import { preset } from "@dynamo/build/vitest";

/** `pnpm bench:page`: no test, so that it is not among them. */
export default preset({ include: ["test/benchmarks/*.ts"], exclude: [] });
