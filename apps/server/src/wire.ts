/** What reaches the server below its routes: bytes that are no HTTP, no URL, no UTF-8. Their errors have the API's form too. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { ApiError } from "./openai/errors.js";

const statusOf: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

const messages: Readonly<Record<number, string>> = {
  400: "this is no HTTP request",
  408: "the request did not come to its end in time",
  413: "the request's chunk extensions are too long",
  431: "the request's headers are too long",
};

/** Answers on the bare connection, and ends it. */
export function refuseConnection(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  if (socket.writable && socket.bytesWritten === 0) {
    const status = statusOf[error.code ?? ""] ?? 400;
    const body = JSON.stringify(new ApiError(status, messages[status] ?? "").body);
    socket.write(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
        "content-type: application/json; charset=utf-8",
        `content-length: ${Buffer.byteLength(body)}`,
        "connection: close",
        "",
        body,
      ].join("\r\n"),
    );
  }
  socket.destroySoon();
}

/** JSON in UTF-8 and nothing else: bytes that are not would come out as other characters than were sent. */
export function addJsonParser(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (request, body, done) => {
    // Clients name the type of a body that is not there, as openai-python does for DELETE.
    if (body.length === 0) {
      const isWanted = request.routeOptions.schema?.body !== undefined;
      done(isWanted ? new ApiError(400, "the body is empty: expected JSON") : null, undefined);
      return;
    }
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    } catch {
      done(new ApiError(400, "the body is no UTF-8"));
      return;
    }
    void parse(request, text, (error, value) => {
      const reason = error === null ? undefined : new ApiError(400, `the body is no JSON: ${error.message}`);
      done(reason ?? null, value);
    });
  });
}
