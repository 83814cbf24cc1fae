/** Connections that carry no request: they would hold up the end of the server. */
import type { Server } from "node:http";
import type { Socket } from "node:net";

export interface Connections {
  /** Those between two requests, and those that were opened and never said anything; not those that say something. */
  closeUnused(): void;
}

export function connectionsOf(server: Server): Connections {
  // Node counts a connection as busy from its opening on, as if its first request were on the way: a browser that opens one in
  // advance, or a client that vanished while it connected, is none of `closeIdleConnections`'.
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  });
  return {
    closeUnused() {
      server.closeIdleConnections();
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    },
  };
}
