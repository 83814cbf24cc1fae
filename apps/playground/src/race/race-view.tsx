/** Race: the base model, one token per pass, beside DynaMo; same prompt, same seed, same device. */
import { Alert, Button, Card, Group, Progress, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { Legend } from "../components/legend.js";
import { OneHeadNote } from "../components/one-head-note.js";
import { figure } from "../components/figures.js";
import { TallyLine } from "../components/tally-line.js";
import { tokensPerSecond } from "../passes/pass.js";
import type { PassSource } from "../passes/pass-source.js";
import type { OwnStrategy } from "../settings/plugin.js";
import type { Settings } from "../settings/settings.js";
import { PassText } from "../write/pass-text.js";
import { useRace, type LaneState } from "./use-race.js";

export interface RaceViewProps {
  readonly source: PassSource | undefined;
  readonly settings: Settings;
  readonly plugin: OwnStrategy | undefined;
}

export function RaceView({ source, settings, plugin }: RaceViewProps): React.JSX.Element {
  const race = useRace();
  const { prompt, length, seed } = settings;
  const challenger = settings.strategy === "autoregressive" ? "dynamo" : settings.strategy;
  const start = (): void => {
    if (source === undefined) return;
    const base = { ...settings, strategy: "autoregressive" } as const;
    race.start(source, { prompt, length, seed, plugin, settings: [base, { ...settings, strategy: challenger }] });
  };
  const [base, other] = race.lanes;
  const shownPrompt = race.prompt === "" ? prompt : race.prompt;
  const speedUp = tokensPerSecond(other.tally) / tokensPerSecond(base.tally);
  return (
    <Stack>
      <Group>
        <Button onClick={start} disabled={source === undefined} loading={race.running}>
          Race
        </Button>
        <Button variant="default" onClick={race.stop} disabled={!race.running}>
          Stop
        </Button>
        <Text size="xl" fw={700} data-testid="speed-up" role="status">
          {base.tally.passes > 0 && other.tally.passes > 0 ? `${figure(speedUp)} × as fast` : ""}
        </Text>
      </Group>
      <Text size="sm">
        Both continue the prompt with seed {seed} to {length} tokens.{" "}
        {source?.remote === true
          ? "The server runs both at the same time, and each one’s clock runs from the start: they share what the server has."
          : "They share the device in turns, and each one’s clock runs only during its own passes: you see both as if each had the device to itself."}
      </Text>
      {race.error === undefined ? null : (
        <Alert color="red" title="The race ended early">
          <span className="message">{race.error}</span>
        </Alert>
      )}
      {source?.heads === 1 ? <OneHeadNote /> : null}
      <Legend tally={other.tally} heads={source?.heads ?? 1} />
      {/* Side by side on phones too: it is no race otherwise. */}
      <SimpleGrid cols={2} spacing={{ base: "xs", sm: "md" }}>
        <Lane title="Base model" lane={base} prompt={shownPrompt} length={length} />
        <Lane title={titles[challenger]} lane={other} prompt={shownPrompt} length={length} />
      </SimpleGrid>
    </Stack>
  );
}

const titles = { dynamo: "DynaMo", verified: "Verified", plugin: "Your strategy" } as const;

interface LaneProps {
  readonly title: string;
  readonly lane: LaneState;
  readonly prompt: string;
  readonly length: number;
}

function Lane({ title, lane, prompt, length }: LaneProps): React.JSX.Element {
  return (
    <Card withBorder component="section" aria-label={title} p={{ base: "xs", sm: "md" }} className="lane">
      <Stack gap="sm">
        <Title order={2} size="h5">
          {title}
        </Title>
        <Progress value={(100 * lane.tally.tokens) / length} aria-label={`${title}: share of the text written`} />
        <TallyLine tally={lane.tally} clock />
        <PassText label={`${title}: the text`} prompt={prompt} passes={lane.passes} />
      </Stack>
    </Card>
  );
}
