/** A question and its answer. */
import { Alert, Card, Paper, Stack, Text } from "@mantine/core";
import { useMemo } from "react";
import { count } from "../components/figures.js";
import { TallyLine } from "../components/tally-line.js";
import { addPass, emptyTally } from "../passes/pass.js";
import { PassText } from "../write/pass-text.js";
import type { Turn } from "./conversation.js";

export interface TurnCardProps {
  /** From 1. */
  readonly number: number;
  readonly turn: Turn;
  readonly active: number | undefined;
  readonly onActivate: (pass: number) => void;
}

export function TurnCard({ number, turn, active, onActivate }: TurnCardProps): React.JSX.Element {
  const tally = useMemo(() => turn.passes.reduce(addPass, emptyTally), [turn.passes]);
  return (
    <Stack gap="xs">
      <Paper withBorder p="sm" ml="auto" maw="85%" aria-label={`Question ${number}`} component="section">
        <Text className="question">{turn.question}</Text>
      </Paper>
      {turn.dropped === 0 ? null : (
        <Text size="xs" role="note">
          The context is full: the oldest {count(turn.dropped, "message")} were left out.
        </Text>
      )}
      {turn.passes.length === 0 ? null : (
        <Card withBorder padding="sm" mr="auto" maw="95%" aria-label={`Answer ${number}`} component="section">
          <PassText
            prompt=""
            passes={turn.passes}
            active={active}
            onActivate={onActivate}
            label={`Answer ${number}, one box per pass`}
          />
          <TallyLine tally={tally} />
        </Card>
      )}
      {turn.error === undefined ? null : (
        <Alert color="red" title="The answer ended early">
          {turn.error}
        </Alert>
      )}
    </Stack>
  );
}
