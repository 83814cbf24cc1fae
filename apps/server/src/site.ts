/** The playground, a public site: one route for each of its files, so that no other path is taken for a file's. */
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";

export async function addSite(app: FastifyInstance, site: string): Promise<void> {
  await app.register(async (scope) => {
    scope.addHook("onRoute", (route) => {
      route.config = { ...route.config, public: true };
    });
    await scope.register(fastifyStatic, {
      root: site,
      wildcard: false,
      setHeaders: (reply) => {
        // Threads of WASM need a page that is cross-origin isolated.
        void reply.header("Cross-Origin-Opener-Policy", "same-origin");
        void reply.header("Cross-Origin-Embedder-Policy", "require-corp");
      },
    });
  });
}
