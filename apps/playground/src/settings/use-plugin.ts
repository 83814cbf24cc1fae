/** The visitor's own strategy as React state: a file is offered, and runs only when the visitor says so. */
import type { Strategy } from "@dynamo/core";
import { useState } from "react";
import { messageOf } from "../components/message-of.js";
import { importPlugin } from "./plugin.js";

export interface PluginControl {
  readonly plugin: Strategy | undefined;
  /** Waits for the visitor's word. */
  readonly offered: File | undefined;
  readonly error: string | undefined;
  readonly offer: (file: File) => void;
  readonly run: () => void;
  readonly refuse: () => void;
}

export function usePlugin(): PluginControl {
  const [plugin, setPlugin] = useState<Strategy>();
  const [offered, setOffered] = useState<File>();
  const [error, setError] = useState<string>();
  const load = async (file: File): Promise<void> => {
    try {
      setPlugin(await importPlugin(file));
      setError(undefined);
    } catch (problem) {
      setError(messageOf(problem));
    }
  };
  return {
    plugin,
    offered,
    error,
    offer: setOffered,
    run() {
      if (offered !== undefined) void load(offered);
      setOffered(undefined);
    },
    refuse: () => setOffered(undefined),
  };
}
