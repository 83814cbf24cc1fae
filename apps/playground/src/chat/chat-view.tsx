/** Chat: a conversation whose answers are shown pass by pass. */
import { Alert, Button, Grid, Group, Kbd, Stack, Text, Textarea } from "@mantine/core";
import { useState } from "react";
import type { PassOptions, PassSource } from "../passes/pass-source.js";
import { PassDetails } from "../write/pass-details.js";
import { TurnCard } from "./turn-card.js";
import type { Chat } from "./use-chat.js";

export interface ChatViewProps {
  readonly source: PassSource | undefined;
  readonly options: Omit<PassOptions, "signal">;
  readonly chat: Chat;
}

interface Place {
  readonly turn: number;
  readonly pass: number;
}

export function ChatView({ source, options, chat }: ChatViewProps): React.JSX.Element {
  const [question, setQuestion] = useState("");
  const [active, setActive] = useState<Place>();
  const { turns } = chat;
  const answer = source?.answer;
  const ready = source !== undefined && answer !== undefined && !chat.running && question.trim() !== "";
  const send = (): void => {
    if (!ready) return;
    setActive(undefined);
    setQuestion("");
    chat.say(source, question.trim(), options);
  };
  const shown = active ?? { turn: turns.length - 1, pass: (turns.at(-1)?.passes.length ?? 0) - 1 };
  const turn = turns[shown.turn];
  const pass = turn?.passes[shown.pass];
  return (
    <Stack>
      {source !== undefined && answer === undefined ? (
        <Alert color="gray" title="No chat model">
          This model has no chat template. `dynamo data prepare-chat` and `dynamo train` make a chat model of it.
        </Alert>
      ) : null}
      {turns.length === 0 ? null : (
        <Grid>
          <Grid.Col span={{ base: 12, lg: 7 }}>
            <Stack role="log" aria-label="The conversation">
              {turns.map((each, index) => (
                <TurnCard
                  key={index}
                  number={index + 1}
                  turn={each}
                  active={active?.turn === index ? active.pass : undefined}
                  onActivate={(place) => setActive({ turn: index, pass: place })}
                />
              ))}
            </Stack>
          </Grid.Col>
          <Grid.Col span={{ base: 12, lg: 5 }}>
            {turn === undefined || pass === undefined ? null : (
              <PassDetails pass={pass} tokenizer={turn} onLookInside={undefined} />
            )}
          </Grid.Col>
        </Grid>
      )}
      <Textarea
        label="Message"
        autosize
        minRows={1}
        maxRows={8}
        value={question}
        onChange={({ currentTarget }) => setQuestion(currentTarget.value)}
        onKeyDown={(event) => {
          // Enter also ends a word that an input method composes.
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      <Group>
        <Button onClick={send} disabled={!ready && !chat.running} loading={chat.running}>
          Send
        </Button>
        <Button variant="default" onClick={chat.stop} disabled={!chat.running}>
          Stop
        </Button>
        <Button variant="default" onClick={chat.reset} disabled={turns.length === 0}>
          New chat
        </Button>
        <Text size="xs" visibleFrom="sm">
          <Kbd size="xs">Enter</Kbd> sends, <Kbd size="xs">Shift</Kbd> + <Kbd size="xs">Enter</Kbd> begins a line
        </Text>
      </Group>
    </Stack>
  );
}
