/** A conversation as React state. It lives beside the views, so that it is there when the visitor comes back to it. */
import { useCallback, useEffect, useRef, useState } from "react";
import { messageOf } from "../components/message-of.js";
import type { AnswerRequest, PassSource } from "../passes/pass-source.js";
import { drawMilliseconds } from "../passes/use-passes.js";
import { messagesOf, newTurn, type Turn } from "./conversation.js";

export interface Chat {
  readonly turns: readonly Turn[];
  readonly running: boolean;
  /** `source` is a chat model's. */
  readonly say: (
    source: PassSource,
    question: string,
    options: Omit<AnswerRequest, "messages" | "onDropped" | "signal">,
  ) => void;
  readonly stop: () => void;
  /** Begins anew. */
  readonly reset: () => void;
}

export function useChat(): Chat {
  const [state, setState] = useState<Pick<Chat, "turns" | "running">>({ turns: [], running: false });
  const { turns } = state;
  const current = useRef<AbortController>(undefined);
  const stop = useCallback(() => current.current?.abort(), []);
  useEffect(() => stop, [stop]);

  const say = useCallback<Chat["say"]>(
    ({ answer, decode }, question, options) => {
      if (answer === undefined) return;
      current.current?.abort();
      const controller = new AbortController();
      current.current = controller;
      const { signal } = controller;
      let turn = newTurn(question, decode);
      let drawn = 0;
      const draw = (running: boolean): void => {
        if (current.current !== controller) return;
        drawn = performance.now();
        setState({ turns: [...turns, turn], running });
      };
      const onDropped = (dropped: number): void => {
        turn = { ...turn, dropped };
      };
      const run = async (): Promise<void> => {
        draw(true);
        try {
          for await (const pass of answer({ ...options, messages: messagesOf(turns, question), onDropped, signal })) {
            turn = { ...turn, passes: [...turn.passes, pass] };
            if (performance.now() - drawn >= drawMilliseconds) draw(true);
          }
        } catch (error) {
          if (!signal.aborted) turn = { ...turn, error: messageOf(error) };
        }
        draw(false);
      };
      void run();
    },
    [turns],
  );
  const reset = useCallback(() => {
    current.current?.abort();
    current.current = undefined;
    setState({ turns: [], running: false });
  }, []);
  return { ...state, say, stop, reset };
}
