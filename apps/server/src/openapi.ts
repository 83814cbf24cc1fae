/** GET /openapi.json: the API as an OpenAPI document, made from the schemas that validate requests and describe answers. */
import swagger from "@fastify/swagger";
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from "fastify";
import { toJSONSchema, type ZodType } from "zod";
import { errorAnswer } from "./openai/answers.js";

/** What a route tells of itself, beside the schema of its body. */
export interface RouteDocs {
  readonly summary: string;
  readonly tag: "Text" | "Models" | "Batches" | "Operation";
  readonly query?: ZodType;
  /** A body of multipart/form-data; its file is a string of binary format. */
  readonly form?: Readonly<Record<string, object>>;
  /** Of a success: JSON by a schema, or another media type. */
  readonly answer?: ZodType | string;
  /** One event of a stream, for routes that stream on request. */
  readonly event?: ZodType;
}

declare module "fastify" {
  interface FastifyContextConfig {
    docs?: RouteDocs;
  }
}

/** Options of a route that is in the document. */
export const docs = (docs: RouteDocs): { config: { docs: RouteDocs } } => ({ config: { docs } });

export async function addOpenapi(app: FastifyInstance, { keys }: { readonly keys: boolean }): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "DynaMo server",
        version: "1",
        description: "OpenAI-compatible; several tokens per pass.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      tags: [
        { name: "Text", description: "Texts from prompts and conversations." },
        { name: "Models", description: "What is served." },
        { name: "Batches", description: "Files of requests, answered when there is time. Needs a data folder." },
        { name: "Operation", description: "For load balancers and Prometheus; without keys." },
      ],
      ...(keys
        ? { components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } }, security: [{ key: [] }] }
        : {}),
    },
    hideUntagged: true,
    transform: ({ schema, url, route }) => ({ schema: documented(schema, route.config), url }),
  });
}

function documented(schema: FastifySchema | undefined, config: FastifyContextConfig = {}): FastifySchema {
  const { docs, public: isPublic } = config;
  if (docs === undefined) return { hide: true };
  const { summary, tag, query, form, answer, event } = docs;
  const json = typeof answer === "string" ? { type: "string" } : answer && jsonSchema(answer, "output");
  const content = {
    ...(json === undefined ? {} : { [typeof answer === "string" ? answer : "application/json"]: { schema: json } }),
    ...(event === undefined ? {} : { "text/event-stream": { schema: jsonSchema(event, "output") } }),
  };
  return {
    summary,
    tags: [tag],
    ...(schema?.params === undefined ? {} : { params: schema.params }),
    ...(schema?.body === undefined ? {} : { body: jsonSchema(schema.body as ZodType, "input") }),
    ...(form === undefined ? {} : { consumes: ["multipart/form-data"], body: formSchema(form) }),
    ...(query === undefined ? {} : { querystring: jsonSchema(query, "input") }),
    ...(isPublic === true ? { security: [] } : {}),
    response: {
      200: { description: "Success", content },
      default: {
        description: "An error",
        content: { "application/json": { schema: jsonSchema(errorAnswer, "output") } },
      },
    },
  };
}

const formSchema = (form: Readonly<Record<string, object>>): object => ({
  type: "object",
  required: Object.keys(form),
  properties: form,
});

function jsonSchema(schema: ZodType, io: "input" | "output"): object {
  const { $schema: _dialect, ...json } = toJSONSchema(schema, { io });
  return json;
}
