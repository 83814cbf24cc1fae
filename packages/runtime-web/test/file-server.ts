/** A real HTTP server of files for the browser's tests: tags, ranges, connections that break off; it counts what it is asked. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AddressInfo } from "node:net";

export interface FileServer {
  readonly url: string;
  close(): Promise<void>;
}

interface Behaviour {
  /** Bytes after which the first connection of each file breaks off. */
  cut: number | undefined;
  readonly requests: string[];
  readonly broken: Set<string>;
}

/** `/stories/…` and `/families/…` are the files of these folders. `/control?cut=N` starts anew; `/requests` lists what was asked for since. `/model/<size>.bin` is a file of that size, `/unsized/<size>.bin` one whose size is not told. */
export async function fileServer(folders: {
  readonly stories: string;
  readonly families: string;
}): Promise<FileServer> {
  const state: Behaviour = { cut: undefined, requests: [], broken: new Set() };
  const server = createServer((request, response) => {
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Expose-Headers", "ETag, Content-Range");
    response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname === "/control") {
      state.cut = url.searchParams.has("cut") ? Number(url.searchParams.get("cut")) : undefined;
      state.requests.length = 0;
      state.broken.clear();
      response.end();
    } else if (url.pathname === "/requests") response.end(JSON.stringify(state.requests));
    else if (/^\/(stories|families)\//.test(url.pathname)) {
      const [, folder = "stories", ...path] = url.pathname.split("/");
      const file = join(folders[folder as keyof typeof folders], ...path);
      if (existsSync(file)) {
        const bytes = readFileSync(file);
        // Node tells it by itself, but not to a HEAD request.
        response.writeHead(200, { "Content-Length": bytes.length }).end(bytes);
      } else response.writeHead(404).end();
    } else serve(state, url.pathname, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => closed(server) };
}

/** Every byte differs from its neighbours, so that parts out of place are seen. */
export const byteAt = (position: number): number => (position * 31 + Math.floor(position / 256)) % 256;

function serve(state: Behaviour, path: string, request: IncomingMessage, response: ServerResponse): void {
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  state.requests.push(`${request.method ?? ""} ${path}${range === null ? "" : ` ${range[0]}`}`);
  const [, folder, digits] = /^\/(model|unsized)\/(\d+)\.bin$/.exec(path) ?? [];
  const size = Number(digits ?? Number.NaN);
  if (Number.isNaN(size)) {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("ETag", `"v${size}"`);
  const start = Number(range?.[1] ?? 0);
  const end = range?.[2] === undefined || range[2] === "" ? size : Number(range[2]) + 1;
  if (range !== null) response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${size}`);
  response.writeHead(range === null ? 200 : 206, folder === "unsized" ? {} : { "Content-Length": end - start });
  if (request.method === "HEAD") {
    response.end();
    return;
  }
  const bytes = Buffer.from(Uint8Array.from({ length: end - start }, (_, i) => byteAt(start + i)));
  if (state.cut === undefined || state.broken.has(path)) response.end(bytes);
  else {
    state.broken.add(path);
    response.write(bytes.subarray(0, state.cut), () => setTimeout(() => response.destroy(), 200));
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
