/** /v1/files: what batches read and write. */
import multipart from "@fastify/multipart";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { describeValue } from "@dynamo/core/options";
import { coerce, object, enum as oneOf, string } from "zod";
import { docs } from "../openapi.js";
import { deletedAnswer, fileAnswer, listAnswer } from "../openai/answers.js";
import { ApiError } from "../openai/errors.js";
import { validated } from "../openai/validate.js";
import { newFileId, type FileStore, type StagedFile, type StoredFile } from "./file-store.js";
import { pageOf } from "./page.js";

export interface FileRoutesOptions {
  readonly files: FileStore;
  /** Whose files a request sees. */
  readonly ownerOf: (request: FastifyRequest) => string;
  /** Of one file. */
  readonly mostBytes: number;
  /** What keeps a file from being deleted. */
  readonly inUse: (id: string) => Promise<string | undefined>;
}

const listQuery = object({
  purpose: string().optional(),
  limit: coerce.number().int().min(1).max(10_000).default(10_000),
  order: oneOf(["asc", "desc"]).default("desc"),
  after: string().optional(),
});

const form = {
  file: { type: "string", format: "binary", description: "JSONL: one request a line." },
  purpose: { type: "string", enum: ["batch"] },
};

export async function addFiles(app: FastifyInstance, options: FileRoutesOptions): Promise<void> {
  const { files, ownerOf, mostBytes, inUse } = options;
  await app.register(multipart, { limits: { fileSize: mostBytes, files: 1, fields: 8, parts: 9, fieldSize: 1000 } });
  const find = async (request: FastifyRequest<{ Params: { id: string } }>): Promise<StoredFile> => {
    const { id } = request.params;
    const file = await files.find(id, ownerOf(request));
    if (file === undefined) throw new ApiError(404, `there is no file ${id}`, { param: "id", code: "file_not_found" });
    return file;
  };
  app.post("/v1/files", docs({ tag: "Batches", summary: "Upload a file", form, answer: fileAnswer }), async (request) =>
    fileObject(await upload(request, options)),
  );
  app.get(
    "/v1/files",
    docs({ tag: "Batches", summary: "List files", query: listQuery, answer: listAnswer(fileAnswer) }),
    async (request) => {
      const { purpose, ...page } = validated(listQuery, request.query);
      const all = await files.list(ownerOf(request));
      return pageOf(all.filter((file) => purpose === undefined || file.purpose === purpose).map(fileObject), page);
    },
  );
  app.get<{ Params: { id: string } }>(
    "/v1/files/:id",
    docs({ tag: "Batches", summary: "A file's description", answer: fileAnswer }),
    async (request) => fileObject(await find(request)),
  );
  app.get<{ Params: { id: string } }>(
    "/v1/files/:id/content",
    docs({ tag: "Batches", summary: "A file's content", answer: "application/jsonl" }),
    async (request, reply) => {
      const { id, bytes } = await find(request);
      const content = await files.read(id);
      reply.header("content-length", bytes);
      return reply.type("application/jsonl").send(content);
    },
  );
  app.delete<{ Params: { id: string } }>(
    "/v1/files/:id",
    docs({ tag: "Batches", summary: "Delete a file that no batch needs", answer: deletedAnswer }),
    async (request) => {
      const { id } = await find(request);
      const why = await inUse(id);
      if (why !== undefined)
        throw new ApiError(400, `${id} cannot be deleted: ${why}`, { param: "id", code: "file_in_use" });
      await files.remove(id);
      return { id, object: "file", deleted: true };
    },
  );
}

/** The parts come in any order: the bytes are on the disk before it is known what they are for. */
async function upload(request: FastifyRequest, { files, ownerOf, mostBytes }: FileRoutesOptions): Promise<StoredFile> {
  if (!request.isMultipart())
    throw new ApiError(400, "expected multipart/form-data with the parts file and purpose", { param: "file" });
  let staged: StagedFile | undefined;
  let filename = "";
  let purpose: unknown;
  try {
    for await (const part of request.parts()) {
      if (part.type === "field" && part.fieldname === "purpose") purpose = part.value;
      else if (part.type === "file" && part.fieldname === "file") {
        filename = part.filename.slice(0, 500);
        staged = await files.stage(part.file, mostBytes);
        if (part.file.truncated)
          throw new ApiError(413, `file: expected at most ${mostBytes} bytes`, { param: "file", code: "too_large" });
      } else throw new ApiError(400, `${part.fieldname}: this parameter is not supported`, { param: part.fieldname });
    }
    if (staged === undefined) throw new ApiError(400, "file: expected a file, received none", { param: "file" });
    if (purpose !== "batch")
      throw new ApiError(400, `purpose: expected batch, received ${describeValue(purpose)}`, { param: "purpose" });
    return await staged.keep({ id: newFileId(), owner: ownerOf(request), filename, purpose });
  } catch (error) {
    // The rest of a refused body would stand before the connection's next request for ever.
    request.raw.unpipe();
    request.raw.resume();
    await staged?.drop();
    throw isOfTheBody(error) ? new ApiError(400, `no valid multipart/form-data: ${error.message}`) : error;
  }
}

/** The parser's own errors have neither a status nor, as the disk's have, a code. */
const isOfTheBody = (error: unknown): error is Error =>
  error instanceof Error && !(error instanceof ApiError) && !("statusCode" in error) && !("code" in error);

const fileObject = ({ id, bytes, createdAt, filename, purpose }: StoredFile): { id: string } & object => ({
  ...{ id, object: "file", bytes, created_at: createdAt, filename, purpose, status: "processed" },
});
