/** For load balancers, Prometheus, and whoever writes a client. */
import type { FastifyInstance, FastifyReply } from "fastify";
import type { ZodType } from "zod";
import type { Context } from "./context.js";
import { healthAnswer, readyAnswer } from "./openai/answers.js";
import { docs } from "./openapi.js";

export function addHealth(app: FastifyInstance, { models, metrics }: Context): void {
  const operation = (summary: string, answer: ZodType | string) => ({
    config: { ...docs({ tag: "Operation", summary, answer }).config, public: true as const },
  });
  app.get("/healthz", operation("The process lives", healthAnswer), () => ({ status: "ok" }));
  app.get(
    "/readyz",
    operation("The models are loaded and give signs of life; 503 otherwise", readyAnswer),
    (_request, reply: FastifyReply) => {
      const waiting = [...models].filter(([, inference]) => !inference.ready);
      if (waiting.length > 0) reply.status(503).header("retry-after", "1");
      return { status: waiting[0]?.[1].state ?? "ready", waiting: waiting.map(([name]) => name) };
    },
  );
  app.get("/metrics", operation("For Prometheus", "text/plain"), async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  );
  app.get("/openapi.json", { config: { public: true } }, () => app.swagger());
}
