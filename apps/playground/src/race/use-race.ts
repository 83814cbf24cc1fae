/** The race as React state. */
import type { LanguageModel, Strategy } from "@dynamo/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import { addPass, emptyTally, writePasses, type Pass, type Tally } from "../passes/pass.js";
import { drawMilliseconds } from "../passes/use-passes.js";
import { race } from "./race.js";

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
  readonly start: (model: LanguageModel, options: RaceOptions) => void;
  readonly stop: () => void;
}

interface RaceOptions {
  readonly prompt: string;
  readonly length: number;
  readonly seed: number;
  readonly strategies: readonly [base: Strategy, challenger: Strategy];
}

const atStart: LaneState = { passes: [], tally: emptyTally };
const nothing: RaceState = { prompt: "", lanes: [atStart, atStart], running: false, error: undefined };

export function useRace(): Race {
  const [state, setState] = useState(nothing);
  const current = useRef<AbortController>(undefined);
  const stop = useCallback(() => current.current?.abort(), []);
  useEffect(() => stop, [stop]);

  const start = useCallback<Race["start"]>((model, { strategies, ...options }) => {
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
        const texts = strategies.map((strategy) => writePasses(model, { ...options, strategy, signal }));
        for await (const { lane, item, seconds } of race(texts)) {
          const { passes, tally } = lanes[lane] as LaneState;
          lanes[lane] = { passes: [...passes, item], tally: { ...addPass(tally, item), seconds } };
          if (performance.now() - drawn >= drawMilliseconds) draw(true);
        }
        draw(false);
      } catch (error) {
        draw(false, signal.aborted ? undefined : messageOf(error));
      }
    };
    void run();
  }, []);
  return { ...state, start, stop };
}
