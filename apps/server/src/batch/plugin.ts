/** What /v1/files and /v1/batches are in a server: everything with a data folder, a clear refusal without. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../openai/errors.js";
import { defaultSeconds, watch } from "../openai/routes.js";
import type { Context } from "../context.js";
import type { TextWork } from "../text-work.js";
import { refuseConnection } from "../wire.js";
import { addBatches } from "./batch-routes.js";
import { openBatches, type Batches } from "./batches.js";
import { addFiles } from "./file-routes.js";
import { runLine } from "./line.js";

const defaultFileBytes = 200_000_000;

/** Undefined without a data folder. */
export async function batchesOf(app: FastifyInstance, context: Context): Promise<Batches | undefined> {
  const { data, models, requestSeconds: seconds = defaultSeconds } = context.options;
  if (data === undefined) return undefined;
  const slots = Math.min(...models.map(({ settings }) => settings.slots));
  const line = { context, seconds, watch: (work: TextWork) => watch(context, work) };
  return openBatches({
    folder: data.folder,
    databaseUrl: data.databaseUrl,
    linesAtOnce: data.linesAtOnce ?? Math.max(1, Math.floor(slots / 2)),
    ownerOf: ({ owner }: FastifyRequest) => owner,
    run: (request, owner, signal) => runLine(request, owner, line, signal),
    log: (level, text) => app.log[level](text),
  });
}

export async function addData(
  app: FastifyInstance,
  batches: Batches | undefined,
  { fileBytes, receiveMilliseconds }: { readonly fileBytes: number | undefined; readonly receiveMilliseconds: number },
): Promise<void> {
  if (batches === undefined) {
    const refuse = (): never => {
      throw new ApiError(501, "this server has no data folder, which files and batches need: start it with --data", {
        code: "no_data_folder",
      });
    };
    for (const url of ["/v1/files", "/v1/files/*", "/v1/batches", "/v1/batches/*"]) app.all(url, refuse);
    return;
  }
  limitBodies(app, receiveMilliseconds);
  const inUse = async (id: string): Promise<string | undefined> => {
    const user = await batches.store().userOf(id);
    return user === undefined ? undefined : `${user} needs it`;
  };
  await addFiles(app, {
    files: batches.files,
    ownerOf: batches.ownerOf,
    mostBytes: fileBytes ?? defaultFileBytes,
    inUse,
  });
  addBatches(app, batches);
}

/** As Node's own for a request that does not come to its end in time. */
const tooSlow = Object.assign(new Error("the request's body came too slowly"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

/** The server waits long for uploads, and for nothing else. */
function limitBodies(app: FastifyInstance, milliseconds: number): void {
  app.addHook("onRequest", (request, _reply, done) => {
    done();
    const hasBody =
      request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
    if (!hasBody || request.routeOptions.url === "/v1/files") return;
    const late = setTimeout(() => refuseConnection(tooSlow, request.raw.socket), milliseconds);
    for (const event of ["end", "close"]) request.raw.once(event, () => clearTimeout(late));
  });
}
