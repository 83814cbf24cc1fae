import { preset } from "@dynamo/build/vitest";

/** `pnpm --filter @dynamo/playground screenshots`: no test, so that it is not among them. */
export default preset({ include: ["test/screenshots/*.ts"], exclude: [] });
