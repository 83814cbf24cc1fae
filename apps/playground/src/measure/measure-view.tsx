/** Measure: a sweep of ε_b from 0 to 1 on a few prompts, drawn and exported. */
import type { LoadedModel } from "@dynamo/model";
import {
  Alert,
  Button,
  Card,
  Group,
  NumberInput,
  Progress,
  SimpleGrid,
  Stack,
  Text,
  Textarea,
  Title,
  useComputedColorScheme,
} from "@mantine/core";
import type { PlotOptions } from "@observablehq/plot";
import { useCallback, useMemo, useRef, useState } from "react";
import { OneHeadNote } from "../components/one-head-note.js";
import { PlotFigure } from "../components/plot-figure.js";
import { messageOf } from "../components/message-of.js";
import { TallyLine } from "../components/tally-line.js";
import { adjustmentsOf, samplingOf } from "../passes/strategy-of.js";
import type { Settings } from "../settings/settings.js";
import { toCsv } from "./csv.js";
import { pngBlob, save, svgBlob } from "./export-figure.js";
import { orderFigure, speedFigure } from "./figures.js";
import { backoffGrid, sweepRows } from "./sweep.js";
import { useSweep } from "./use-sweep.js";

const initialPrompts = [
  "Once upon a time, there was a little girl who",
  "Tom and his dog went to the park. They",
  "One day, a small bird wanted to",
];

export interface MeasureViewProps {
  readonly model: LoadedModel | undefined;
  readonly settings: Settings;
}

export function MeasureView({ model, settings }: MeasureViewProps): React.JSX.Element {
  const sweep = useSweep();
  const [prompts, setPrompts] = useState(initialPrompts.join("\n"));
  const [tokens, setTokens] = useState(60);
  const [steps, setSteps] = useState(10);
  const lines = prompts.split("\n").filter((line) => line.trim() !== "");
  const { maskStrength, adaptive, blur, seed } = settings;
  const start = (): void => {
    if (model === undefined) return;
    sweep.start(model, {
      prompts: lines,
      backoffs: backoffGrid(steps),
      length: tokens,
      seed,
      sampling: samplingOf(settings),
      adjustments: adjustmentsOf(settings),
      dynamo: { maskStrength, adaptive, blur },
    });
  };
  const whole = (set: (value: number) => void) => (value: number | string) => {
    if (typeof value === "number") set(value);
  };
  return (
    <Stack>
      <Textarea
        label="Prompts, one a line"
        autosize
        minRows={3}
        value={prompts}
        onChange={({ currentTarget }) => setPrompts(currentTarget.value)}
      />
      <Group align="end">
        <NumberInput label="Tokens per prompt" w={140} min={10} max={500} value={tokens} onChange={whole(setTokens)} />
        <NumberInput
          label={
            <>
              Steps of ε<sub>b</sub>
            </>
          }
          w={140}
          min={2}
          max={50}
          value={steps}
          onChange={whole(setSteps)}
        />
        <Button onClick={start} disabled={model === undefined || lines.length === 0} loading={sweep.running}>
          Measure
        </Button>
        <Button variant="default" onClick={sweep.stop} disabled={!sweep.running}>
          Stop
        </Button>
      </Group>
      {model?.info.tokenHeads === 1 ? <OneHeadNote /> : null}
      {sweep.error === undefined ? null : (
        <Alert color="red" title="The sweep ended early">
          <span className="message">{sweep.error}</span>
        </Alert>
      )}
      <SweepResult sweep={sweep} steps={steps} heads={model?.info.tokenHeads ?? 1} />
    </Stack>
  );
}

interface SweepResultProps {
  readonly sweep: ReturnType<typeof useSweep>;
  readonly steps: number;
  readonly heads: number;
}

function SweepResult({ sweep: { result, running }, steps, heads }: SweepResultProps): React.JSX.Element | null {
  const dark = useComputedColorScheme("light") === "dark";
  const figures = useMemo(
    () =>
      result === undefined || result.points.length === 0
        ? undefined
        : { speed: speedFigure(result, dark), orders: orderFigure(result, heads, dark) },
    [result, heads, dark],
  );
  if (result === undefined) return running ? <Text size="sm">Warming up…</Text> : null;
  return (
    <Stack>
      <Progress value={(100 * result.points.length) / (steps + 1)} aria-label="Share of the sweep done" />
      <Text size="sm" component="div">
        Base model, beside every ε<sub>b</sub>: <TallyLine tally={result.base} />
      </Text>
      {figures === undefined ? null : (
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <Figure title="Speed-up against the back-off threshold" name="dynamo-speed-up" options={figures.speed} />
          <Figure title="Orders against the back-off threshold" name="dynamo-orders" options={figures.orders} />
        </SimpleGrid>
      )}
      <Group>
        <Button
          variant="default"
          onClick={() => save("dynamo-sweep.csv", new Blob([toCsv(sweepRows(result, heads))], { type: "text/csv" }))}
        >
          Save CSV
        </Button>
      </Group>
    </Stack>
  );
}

/** Pixels across a figure, where there is room. */
const widest = 720;

function Figure({ title, name, options }: { title: string; name: string; options: PlotOptions }): React.JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const draw = useCallback((width: number) => ({ ...options, width: Math.min(widest, width) }), [options]);
  const [error, setError] = useState<string>();
  // A legend is an SVG too: the figure is the largest.
  const drawing = (): SVGSVGElement | undefined =>
    [...(place.current?.querySelectorAll("svg") ?? [])].sort((a, b) => b.clientWidth - a.clientWidth)[0];
  const saveAs = async (kind: "svg" | "png"): Promise<void> => {
    const svg = drawing();
    if (svg === undefined) return;
    try {
      save(`${name}.${kind}`, kind === "svg" ? svgBlob(svg) : await pngBlob(svg));
    } catch (problem) {
      setError(messageOf(problem));
    }
  };
  return (
    <Card withBorder component="section" aria-label={title}>
      <Title order={2} size="h5">
        {title}
      </Title>
      <div ref={place}>
        <PlotFigure draw={draw} label={title} />
      </div>
      <Group gap="xs" mt="xs">
        <Button size="xs" variant="default" onClick={() => void saveAs("png")}>
          Save PNG
        </Button>
        <Button size="xs" variant="default" onClick={() => void saveAs("svg")}>
          Save SVG
        </Button>
      </Group>
      {error === undefined ? null : <Text c="red">{error}</Text>}
    </Card>
  );
}
