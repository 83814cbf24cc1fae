/** The connection to a server as React state. */
import { useEffect, useState } from "react";
import { messageOf } from "../components/message-of.js";
import type { ServerTarget } from "./call.js";
import type { Server } from "./connect.js";

export type ServerState =
  | { readonly status: "idle" }
  | { readonly status: "connecting" }
  | { readonly status: "connected"; readonly server: Server }
  | { readonly status: "failed"; readonly message: string; readonly again: () => void };

/** `target` is compared by identity: a new one connects anew. */
export function useServer(target: ServerTarget | undefined): ServerState {
  const [state, setState] = useState<ServerState>({ status: "idle" });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (target === undefined) {
      setState({ status: "idle" });
      return;
    }
    const controller = new AbortController();
    const { signal } = controller;
    const show = (next: ServerState): void => {
      if (!signal.aborted) setState(next);
    };
    const connect = async (): Promise<void> => {
      show({ status: "connecting" });
      try {
        // Most visitors ask no server: its code comes when it is asked for.
        const { connectServer } = await import("./connect.js");
        show({ status: "connected", server: await connectServer(target, signal) });
      } catch (error) {
        show({ status: "failed", message: messageOf(error), again: () => setAttempt((before) => before + 1) });
      }
    };
    void connect();
    return () => controller.abort();
  }, [target, attempt]);
  return state;
}
