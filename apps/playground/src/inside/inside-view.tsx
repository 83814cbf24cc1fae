/** Look inside one step: its joint distribution, stage by stage, decided anew as the controls move (paper, Figure 11). */
import type { LoadedModel } from "@dynamo/model";
import {
  Alert,
  Button,
  Group,
  NumberInput,
  SegmentedControl,
  Stack,
  Text,
  useComputedColorScheme,
  useMatches,
} from "@mantine/core";
import { useMemo, useState } from "react";
import { figure } from "../components/figures.js";
import { LabelledSlider } from "../components/labelled-slider.js";
import type { Pass } from "../passes/pass.js";
import type { Writing } from "../passes/use-passes.js";
import { StepControls } from "../settings/step-controls.js";
import type { Settings } from "../settings/settings.js";
import type { ChangeSettings } from "../settings/use-settings.js";
import { productSlice, ranksOf, sliceOf, tokenLabel } from "./heat-map.js";
import { HeatMapPlot } from "./heat-map-plot.js";
import { insideStep, stageLabels, type InsideStep, type ViewedStage } from "./stages.js";
import { Thumbnail } from "./thumbnail.js";
import { TupleTable } from "./tuple-table.js";

export interface InsideViewProps {
  readonly model: LoadedModel | undefined;
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly writing: Writing;
  readonly onWrite: () => void;
}

export function InsideView({ model, settings, change, writing, onWrite }: InsideViewProps): React.JSX.Element {
  const { passes } = writing;
  const index = Math.min(settings.pass, passes.length - 1);
  const pass = passes[index];
  if (model === undefined || pass === undefined) {
    return (
      <Alert color="gray" title="No pass to look at yet">
        <Stack align="start" gap="xs">
          A pass of a written text is shown here, stage by stage.
          <Button size="xs" onClick={onWrite} disabled={model === undefined} loading={writing.running}>
            Write the text
          </Button>
        </Stack>
      </Alert>
    );
  }
  const candidates = pass.step.positions[pass.step.accepted] ?? [];
  return (
    <Stack>
      <Group align="end">
        <NumberInput
          label={`Pass (1 to ${passes.length})`}
          w={140}
          min={1}
          max={passes.length}
          value={index + 1}
          onChange={(value) => {
            if (typeof value === "number" && value >= 1) change({ pass: Math.floor(value) - 1 });
          }}
        />
        <Text size="sm" pb={8}>
          …{model.tokenizer.decode(pass.step.context.slice(-12))} → <b>{pass.text}</b>
        </Text>
      </Group>
      {candidates.length < 2 ? (
        <Alert color="gray" title="One head only">
          This pass ran one token head, so there is no joint distribution to look at. Choose the strategy dynamo and a
          model of several heads, and write again.
        </Alert>
      ) : (
        <InsideStepView model={model} settings={settings} change={change} pass={pass} />
      )}
    </Stack>
  );
}

interface InsideStepViewProps extends Pick<InsideViewProps, "settings" | "change"> {
  readonly model: LoadedModel;
  readonly pass: Pass;
}

function useStep(model: LoadedModel, pass: Pass, settings: Settings): InsideStep {
  const { temperature, backoff, maskStrength, adaptive, blur, penalty: repetitionPenalty } = settings;
  const { generation } = model.info;
  const hasParts = pass.step.positions[0]?.[1]?.conditional !== undefined;
  // Where no joint is built, the one that the tokens were drawn from, before anything is cut off.
  const joint = settings.joint === "counts" || (settings.joint === "auto" && !hasParts) ? "counts" : "learned";
  const { topP = generation.topP, minP = generation.minP, typicalP = generation.typicalP } = settings;
  return useMemo(() => {
    const { positions, accepted, context, draws } = pass.step;
    return insideStep(
      { candidates: positions[accepted] ?? [], context, draws, mask: model.cooccurrence },
      {
        temperature,
        topP,
        minP,
        typicalP,
        backoff,
        joint,
        maskStrength: joint === "counts" ? maskStrength : 0,
        adaptive,
        blur,
        repetitionPenalty,
      },
    );
  }, [model, pass, temperature, topP, minP, typicalP, backoff, joint, maskStrength, adaptive, blur, repetitionPenalty]);
}

/** Ranks along each side of the map, on a phone and on a desk: more labels could not be read. */
const mostRanks = { base: 12, xs: 20 };

function InsideStepView({ model, settings, change, pass }: InsideStepViewProps): React.JSX.Element {
  const step = useStep(model, pass, settings);
  const dark = useComputedColorScheme("light") === "dark";
  const [picked, setPicked] = useState<ViewedStage>("independent");
  const order = Math.min(settings.order, step.heads.length);
  const size = Math.min(useMatches(mostRanks), ...step.heads.slice(0, 2).map(({ ids }) => ids.length));
  const [fourthRank, setFourthRank] = useState(0);
  const third = Math.min(settings.thirdRank, (step.heads[2]?.ids.length ?? 1) - 1);
  const slices = useSlices(step, order, size, third, fourthRank);
  const shown = slices.find(({ stage }) => stage === picked) ?? slices[0];
  const ranks = step.order === order ? ranksOf(step.heads, step.tuple) : undefined;
  const held = [third, fourthRank].slice(0, order - 2);
  const inSlice = ranks !== undefined && held.every((rank, i) => ranks[i + 2] === rank);
  const tokenAt = (head: number, rank: number): string =>
    tokenLabel(model.tokenizer.decode([step.heads[head]?.ids[rank] ?? 0]));
  return (
    <Stack>
      <StepControls settings={settings} change={change} />
      <Verdict step={step} tokenOf={(id) => tokenLabel(model.tokenizer.decode([id]))} />
      <Group>
        <SegmentedControl
          aria-label="Order"
          data={step.heads.slice(1).map((_, i) => ({ value: String(i + 2), label: `order ${i + 2}` }))}
          value={String(order)}
          onChange={(value) => change({ order: Number(value) })}
        />
        {[third, fourthRank].slice(0, order - 2).map((rank, i) => (
          <LabelledSlider
            key={i}
            label={`Token ${i + 3}: ${tokenAt(i + 2, rank)} (rank ${rank + 1})`}
            range={[0, (step.heads[i + 2]?.ids.length ?? 1) - 1]}
            step={1}
            value={rank}
            onChange={(value) => (i === 0 ? change({ thirdRank: value }) : setFourthRank(value))}
          />
        ))}
      </Group>
      <div className="stages" role="group" aria-label="Stages">
        {slices.map(({ stage, squares, cells }) => (
          <button
            key={stage}
            type="button"
            className="stage"
            aria-pressed={stage === shown?.stage}
            data-stage={stage}
            data-cells={squares.length}
            onClick={() => setPicked(stage)}
          >
            <Thumbnail squares={squares} size={size} dark={dark} />
            <Text size="xs">{stageLabels[stage]}</Text>
            <Text size="xs">{cells === 1 ? "1 tuple" : `${figure(cells)} tuples`}</Text>
          </button>
        ))}
      </div>
      {shown === undefined ? null : (
        <HeatMapPlot
          squares={shown.squares}
          size={size}
          heads={step.heads}
          tokenizer={model.tokenizer}
          chosen={inSlice ? ranks : undefined}
          dark={dark}
          label={`${stageLabels[shown.stage]}: ${shown.squares.length} of ${size * size} squares are above zero`}
        />
      )}
      {step.trace.some((each) => each.order === order) ? null : (
        <Text size="sm">
          Order {order} was not tried: order {step.order} had been settled at before. A larger ε<sub>b</sub> makes it
          back off.
        </Text>
      )}
      <TupleTable step={step} order={order} tokenizer={model.tokenizer} />
    </Stack>
  );
}

function useSlices(
  step: InsideStep,
  order: number,
  size: number,
  third: number,
  fourth: number,
): { stage: ViewedStage; squares: ReturnType<typeof sliceOf>; cells: number }[] {
  return useMemo(() => {
    const slice = { size, held: [third, fourth].slice(0, order - 2) };
    const heads = step.heads.slice(0, order);
    return [
      {
        stage: "independent" as const,
        squares: productSlice(heads, slice),
        cells: heads.reduce((product, { ids }) => product * ids.length, 1),
      },
      ...(step.stages.get(order) ?? []).map(({ stage, joint }) => ({
        stage,
        squares: sliceOf(joint, slice),
        cells: joint.length,
      })),
    ];
  }, [step, order, size, third, fourth]);
}

interface VerdictProps {
  readonly step: InsideStep;
  readonly tokenOf: (id: number) => string;
}

/** In words: which order won, and why those before it did not. */
function Verdict({ step, tokenOf }: VerdictProps): React.JSX.Element {
  const lost = step.trace.filter(({ order }) => order > step.order);
  return (
    <Text size="sm" role="status" data-testid="verdict">
      Emits <b>{step.tuple.map(tokenOf).join(" ")}</b> ({step.order === 1 ? "1 token" : `${step.order} tokens`}).
      {lost.map(({ order, peakAfter, threshold }) => (
        <span key={order}>
          {` Order ${order} backed off: its peak ${figure(peakAfter)} is not above ε`}
          <sub>b</sub>
          {order === 2 ? null : <sup>{order - 1}</sup>}
          {` = ${figure(threshold)}.`}
        </span>
      ))}
    </Text>
  );
}
