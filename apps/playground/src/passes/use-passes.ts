/** A text that is being written, as React state. */
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import type { Pass } from "./pass.js";
import type { PassSource, WriteRequest } from "./pass-source.js";

export interface WritingState {
  /** What wrote the passes: another may have been chosen since. */
  readonly source: PassSource | undefined;
  readonly prompt: string;
  readonly passes: readonly Pass[];
  readonly running: boolean;
  readonly error: string | undefined;
}

export interface Writing extends WritingState {
  readonly write: (source: PassSource, request: Omit<WriteRequest, "signal">) => void;
  readonly stop: () => void;
}

/** The page is drawn no oftener than this, however fast the passes come. */
export const drawMilliseconds = 40;

const nothing: WritingState = { source: undefined, prompt: "", passes: [], running: false, error: undefined };

export function usePasses(): Writing {
  const [state, setState] = useState(nothing);
  const current = useRef<AbortController>(undefined);
  const shown = useRef(nothing);
  const stop = useCallback(() => current.current?.abort(), []);
  useEffect(() => stop, [stop]);

  const write = useCallback<Writing["write"]>((source, request) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    const { signal } = controller;
    const passes: Pass[] = [];
    const before = shown.current;
    let drawn = 0;
    const draw = (running: boolean, error?: string): void => {
      // A text that a newer one has replaced is not drawn any more.
      if (current.current !== controller) return;
      drawn = performance.now();
      // A text that never began leaves the one before it where it was.
      const kept =
        error !== undefined && passes.length === 0 ? before : { source, prompt: request.prompt, passes: [...passes] };
      shown.current = { ...kept, running, error };
      setState(shown.current);
    };
    const run = async (): Promise<void> => {
      draw(true);
      try {
        for await (const pass of source.write({ ...request, signal })) {
          passes.push(pass);
          if (performance.now() - drawn >= drawMilliseconds) draw(true);
        }
        draw(false);
      } catch (error) {
        draw(false, signal.aborted ? undefined : messageOf(error));
      }
    };
    void run();
  }, []);
  return { ...state, write, stop };
}
