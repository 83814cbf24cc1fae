/** What a path that exists answers to methods that it does not have: 405, and to OPTIONS which it has. */
import type { FastifyInstance } from "fastify";
import { ApiError } from "./openai/errors.js";

declare module "fastify" {
  interface FastifyContextConfig {
    /** All methods of a route's path, where this one is none of them. */
    methods?: readonly string[];
  }
}

/** Call the result when all routes are there: it adds what is missing, behind keys like every other route. */
export function watchMethods(app: FastifyInstance): () => void {
  const paths = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const methods = paths.get(url) ?? new Set();
    for (const each of [method].flat()) methods.add(each);
    paths.set(url, methods);
  });
  return () => {
    for (const [url, known] of [...paths]) {
      // The CORS plugin's own.
      if (url === "*") continue;
      addMissing(app, url, [...known]);
    }
  };
}

function addMissing(app: FastifyInstance, url: string, known: readonly string[]): void {
  const methods = [...new Set([...known, "OPTIONS"])].sort();
  const missing = app.supportedMethods.filter((method) => !known.includes(method));
  const others = missing.filter((method) => method !== "OPTIONS");
  const allow = methods.join(", ");
  const config = { methods };
  if (others.length > 0)
    app.route({
      ...{ method: others, url, config },
      // Before the body: what is wrong with it does not matter any more.
      onRequest: async ({ method }, reply) => {
        reply.header("allow", allow);
        throw new ApiError(405, `${method} is no method of this path: expected ${allow}`, {
          code: "method_not_allowed",
        });
      },
      handler: () => undefined,
    });
  if (missing.includes("OPTIONS"))
    app.options(url, { config }, (_request, reply) => reply.header("allow", allow).status(204).send());
}
