/** The visitor's own strategy as React state: a module is offered, and runs only when the visitor says so. */
import type { StrategyPlugin } from "@dynamo/decode/plugin";
import { useMemo, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { moduleAddress, moduleFile, optionsFault, ownStrategy, type ModuleSource, type OwnStrategy } from "./plugin.js";

export interface PluginControl {
  readonly plugin: OwnStrategy | undefined;
  /** As the visitor wrote them: JSON, or nothing. */
  readonly options: string;
  readonly setOptions: (json: string) => void;
  /** Why the options are none, or none of the plugin's. */
  readonly optionsError: string | undefined;
  /** Waits for the visitor's word. */
  readonly offered: ModuleSource | undefined;
  readonly loading: boolean;
  readonly error: string | undefined;
  readonly offerFile: (file: File) => void;
  readonly offerAddress: (address: string) => void;
  readonly run: () => void;
  readonly refuse: () => void;
}

export function usePlugin(): PluginControl {
  const [loaded, setLoaded] = useState<StrategyPlugin>();
  const [options, setOptions] = useState("");
  const [offered, setOffered] = useState<ModuleSource>();
  const [loading, setLoading] = useState(false);
  const [error, setError] = useState<string>();
  const plugin = useMemo(() => (loaded === undefined ? undefined : ownStrategy(loaded, options)), [loaded, options]);
  const load = async (source: ModuleSource): Promise<void> => {
    setLoading(true);
    try {
      setLoaded(await source.load());
      setError(undefined);
    } catch (problem) {
      setError(messageOf(problem));
    }
    setLoading(false);
  };
  return {
    ...{ plugin, options, setOptions, offered, loading, error },
    optionsError: plugin === undefined ? optionsFault(options) : plugin.error,
    offerFile: (file) => setOffered(moduleFile(file)),
    offerAddress(address) {
      try {
        setOffered(moduleAddress(address, location.href));
        setError(undefined);
      } catch (problem) {
        setError(messageOf(problem));
      }
    },
    run() {
      if (offered !== undefined) void load(offered);
      setOffered(undefined);
    },
    refuse: () => setOffered(undefined),
  };
}
