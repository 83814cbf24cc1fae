/** The race as React state. */
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { addPass, emptyTally, type Pass, type Tally } from "../passes/pass.js";
import type { PassSource, WriteRequest } from "../passes/pass-source.js";
import type { StrategySettings } from "../passes/strategy-of.js";
import { drawMilliseconds } from "../passes/use-passes.js";
import { race, together } from "./race.js";

export interface LaneState {
  readonly passes: readonly Pass[];
  /** Its seconds are the lane's own. */
  readonly tally: Tally;
}

export interface RaceState {
  readonly prompt: string;
  readonly lanes: readonly [base: LaneState, challenger: LaneState];
  readonly running: boolean;
  readonly error: string | undefined;
}

export interface Race extends RaceState {
  readonly start: (source: PassSource, options: RaceOptions) => void;
  readonly stop: () => void;
}

interface RaceOptions extends Omit<WriteRequest, "signal" | "settings"> {
  readonly settings: readonly [base: StrategySettings, challenger: StrategySettings];
}

const atStart: LaneState = { passes: [], tally: emptyTally };
const nothing: RaceState = { prompt: "", lanes: [atStart, atStart], running: false, error: undefined };

export function useRace(): Race {
  const [state, setState] = useState(nothing);
  const current = useRef<AbortController>(undefined);
  const stop = useCallback(() => current.current?.abort(), []);
  useEffect(() => stop, [stop]);

  const start = useCallback<Race["start"]>((source, { settings, ...options }) => {
    current.current?.abort();
    const controller = new AbortController();
    current.current = controller;
    const { signal } = controller;
    const lanes: [LaneState, LaneState] = [atStart, atStart];
    let drawn = 0;
    const draw = (running: boolean, error?: string): void => {
      if (current.current !== controller) return;
      drawn = performance.now();
      setState({ prompt: options.prompt, lanes: [...lanes], running, error });
    };
    const run = async (): Promise<void> => {
      draw(true);
      try {
        const texts = settings.map((each) => source.write({ ...options, settings: each, signal }));
        for await (const { lane, item, seconds } of source.remote ? together(texts) : race(texts)) {
          const { passes, tally } = lanes[lane] as LaneState;
          lanes[lane] = { passes: [...passes, item], tally: { ...addPass(tally, item), seconds } };
          if (performance.now() - drawn >= drawMilliseconds) draw(true);
        }
        draw(false);
      } catch (error) {
        draw(false, signal.aborted ? undefined : messageOf(error));
        // The other lane has nobody to race with.
        controller.abort();
      }
    };
    void run();
  }, []);
  return { ...state, start, stop };
}
