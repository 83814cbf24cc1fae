/** A sweep as React state. */
import type { LanguageModel } from "@dynamo/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { sweep, type Sweep, type SweepOptions } from "./sweep.js";

export interface SweepState {
  readonly result: Sweep | undefined;
  readonly running: boolean;
  readonly error: string | undefined;
}

export interface SweepControl extends SweepState {
  readonly start: (model: LanguageModel, options: Omit<SweepOptions, "signal">) => void;
  readonly stop: () => void;
}

export function useSweep(): SweepControl {
  const [state, setState] = useState<SweepState>({ result: undefined, running: false, error: undefined });
  const current = useRef<AbortController>(undefined);
  const stop = useCallback(() => current.current?.abort(), []);
  useEffect(() => stop, [stop]);
  const start = useCallback<SweepControl["start"]>((model, options) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    const { signal } = controller;
    const show = (change: Partial<SweepState>): void => {
      if (current.current === controller) setState((before) => ({ ...before, ...change }));
    };
    const run = async (): Promise<void> => {
      show({ result: undefined, running: true, error: undefined });
      try {
        for await (const result of sweep(model, { ...options, signal })) show({ result });
        show({ running: false });
      } catch (error) {
        show({ running: false, error: signal.aborted ? undefined : messageOf(error) });
      }
    };
    void run();
  }, []);
  return { ...state, start, stop };
}
