/** /v1/batches. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { coerce, object, record, strictObject, string, enum as oneOf, type infer as Infer } from "zod";
import { docs } from "../openapi.js";
import { batchAnswer, listAnswer } from "../openai/answers.js";
import { ApiError } from "../openai/errors.js";
import { validated } from "../openai/validate.js";
import type { Batches } from "./batches.js";
import { newId } from "./file-store.js";
import { batchEndpoints } from "./input.js";
import { listOf } from "./page.js";
import type { BatchRow } from "./tables.js";

/** Seconds of the windows that may be asked for. */
const windows = { "1h": 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600 } as const;

/** What ids are made of: anything else is not even looked for. */
const idText = string().regex(/^[\w-]{1,200}$/, { error: "expected an id" });
/** PostgreSQL keeps every character but this one. */
const storedText = string().refine((text) => !text.includes("\0"), { error: "expected text without U+0000" });
const isId = (id: string): boolean => idText.safeParse(id).success;

const newBatch = strictObject({
  input_file_id: idText.describe("A file of /v1/files with the purpose batch."),
  endpoint: oneOf(batchEndpoints),
  completion_window: oneOf(Object.keys(windows) as (keyof typeof windows)[]),
  metadata: record(storedText.max(64), storedText.max(512))
    .refine((value) => Object.keys(value).length <= 16, { error: "expected at most 16 entries" })
    .nullish(),
});

const listQuery = object({
  limit: coerce.number().int().min(1).max(100).default(20),
  after: idText.optional(),
});

interface WithId {
  Params: { id: string };
}

export function addBatches(app: FastifyInstance, batches: Batches): void {
  const { ownerOf, files } = batches;
  const find = async (request: FastifyRequest<WithId>): Promise<BatchRow> => {
    const { id } = request.params;
    const batch = isId(id) ? await batches.store().find(id, ownerOf(request)) : undefined;
    if (batch === undefined)
      throw new ApiError(404, `there is no batch ${id}`, { param: "id", code: "batch_not_found" });
    return batch;
  };
  app.post<{ Body: Infer<typeof newBatch> }>(
    "/v1/batches",
    { schema: { body: newBatch }, ...docs({ tag: "Batches", summary: "Begin a batch", answer: batchAnswer }) },
    async (request) => {
      const { input_file_id: inputFileId, endpoint, completion_window: window, metadata } = request.body;
      const owner = ownerOf(request);
      const input = await files.find(inputFileId, owner);
      if (input?.purpose !== "batch")
        throw new ApiError(400, `input_file_id: expected a file with the purpose batch, received ${inputFileId}`, {
          param: "input_file_id",
        });
      const id = newId("batch_");
      await batches.store().create({
        ...{ id, owner, endpoint, inputFileId, completionWindow: window, seconds: windows[window] },
        metadata: metadata ?? undefined,
      });
      const batch = await batches.store().find(id);
      await batches.begin(id);
      return batch === undefined ? undefined : batchObject(batch);
    },
  );
  app.get(
    "/v1/batches",
    docs({ tag: "Batches", summary: "List batches", query: listQuery, answer: listAnswer(batchAnswer) }),
    async (request) => {
      const { limit, after } = validated(listQuery, request.query);
      const rows = await batches.store().list(ownerOf(request), limit + 1, after);
      return listOf(rows.slice(0, limit).map(batchObject), rows.length > limit);
    },
  );
  app.get<WithId>(
    "/v1/batches/:id",
    docs({ tag: "Batches", summary: "A batch's state", answer: batchAnswer }),
    async (request) => batchObject(await find(request)),
  );
  app.post<WithId>(
    "/v1/batches/:id/cancel",
    docs({ tag: "Batches", summary: "Cancel a batch", answer: batchAnswer }),
    async (request) => {
      const { id, status } = await find(request);
      if (!(await batches.store().move(id, ["validating", "in_progress"], "cancelling")) && status !== "cancelling") {
        const message = `${id} cannot be cancelled: it is ${status.replace("_", " ")}`;
        throw new ApiError(400, message, { param: "id", code: "not_cancellable" });
      }
      await batches.begin(id);
      return batchObject(await find(request));
    },
  );
}

/** OpenAI leaves out what has not happened; its client's types have those fields optional. */
function batchObject({ owner: _owner, queued: _queued, total, completed, failed, errors, id, ...row }: BatchRow): {
  readonly id: string;
} {
  return {
    id,
    ...{ object: "batch", ...row },
    ...{ errors: errors === null ? null : { object: "list", data: errors } },
    ...{ request_counts: { total, completed, failed } },
  };
}
