/** What most visitors leave to the model: folded away until one of them is set. */
import { Button, NumberInput, Stack, Text, Textarea } from "@mantine/core";
import { checkValue, type ValueCheck } from "@dynamo/core/options";
import { samplingChecks } from "@dynamo/decode/plugin";
import { generateChecks } from "@dynamo/decode/rows";
import { useState } from "react";
import { messageOf } from "../components/message-of.js";
import { advancedNames, type Settings } from "./settings.js";
import type { ChangeSettings } from "./use-settings.js";

export interface AdvancedSamplingProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
}

interface Kind {
  readonly label: string;
  readonly hint: string;
  readonly otherwise: string;
  readonly step: number;
  readonly check: ValueCheck<number>;
}

const { topP, minP, typicalP } = samplingChecks;
/** Of a head's distribution: greedy decoding has none. */
const filters = {
  topP: {
    label: "Top-p",
    hint: "Only the likeliest tokens that together reach this probability",
    otherwise: "the model’s, or 1: all",
    step: 0.05,
    check: topP,
  },
  minP: {
    label: "Min-p",
    hint: "Only tokens at least this share as likely as the likeliest",
    otherwise: "the model’s, or 0: all",
    step: 0.01,
    check: minP,
  },
  typicalP: {
    label: "Typical-p",
    hint: "Only the tokens nearest to the expected information that together reach this",
    otherwise: "the model’s, or 1: all",
    step: 0.05,
    check: typicalP,
  },
} as const satisfies Partial<Record<keyof Settings, Kind>>;

const { presencePenalty, frequencyPenalty } = generateChecks;
const penalties = {
  presencePenalty: {
    label: "Presence penalty",
    hint: "Subtracted from the logit of every token that the text has already; usual are -2 to 2",
    otherwise: "0: none",
    step: 0.1,
    check: presencePenalty,
  },
  frequencyPenalty: {
    label: "Frequency penalty",
    hint: "The same, once for each time that the text has it",
    otherwise: "0: none",
    step: 0.1,
    check: frequencyPenalty,
  },
} as const satisfies Partial<Record<keyof Settings, Kind>>;

export function AdvancedSampling({ settings, change }: AdvancedSamplingProps): React.JSX.Element {
  const set = advancedNames.filter((name) => settings[name] !== undefined).length;
  const [open, setOpen] = useState(set > 0);
  /** Fields that are drawn anew, without what was typed into them, after a reset. */
  const [resets, setResets] = useState(0);
  const greedy = settings.strategy !== "plugin" && settings.temperature === 0;
  const reset = (): void => {
    change(Object.fromEntries(advancedNames.map((name) => [name, undefined])));
    setResets(resets + 1);
  };
  return (
    <details className="advanced" open={open} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        Advanced sampling<span>{set === 0 ? "" : ` – ${set} set`}</span>
      </summary>
      <Stack gap="sm" mt="xs" key={resets}>
        {greedy ? (
          <Text size="xs">Top-p, min-p and typical-p choose among tokens by chance: not at temperature 0.</Text>
        ) : (
          figures(filters).map((each) => <OptionalFigure key={each.name} {...each} {...{ settings, change }} />)
        )}
        {figures(penalties).map((each) => (
          <OptionalFigure key={each.name} {...each} {...{ settings, change }} />
        ))}
        <LogitBias settings={settings} change={change} />
        <Button variant="default" size="xs" onClick={reset}>
          Reset advanced sampling
        </Button>
      </Stack>
    </details>
  );
}

type FigureName = keyof typeof filters | keyof typeof penalties;
interface NamedKind extends Kind {
  readonly name: FigureName;
}
const figures = (kinds: Partial<Record<FigureName, Kind>>): NamedKind[] =>
  Object.entries(kinds).map(([name, kind]) => ({ name: name as FigureName, ...kind }));

/** Mantine's grey has too little contrast. */
const readable = { descriptionProps: { c: "inherit" } } as const;

/** Empty for none. What the library would refuse is not taken, and the library's words say why. */
function OptionalFigure({
  name,
  label,
  hint,
  otherwise,
  step,
  check,
  settings,
  change,
}: NamedKind & AdvancedSamplingProps): React.JSX.Element {
  const [refused, setRefused] = useState<string>();
  const take = (text: string): void => {
    const value = text.trim() === "" ? undefined : Number(text);
    const good = value === undefined || check.accepts(value);
    setRefused(good ? undefined : text);
    if (good) change({ [name]: value });
  };
  return (
    <NumberInput
      label={label}
      description={hint}
      {...readable}
      placeholder={otherwise}
      step={step}
      clampBehavior="none"
      value={refused ?? settings[name] ?? ""}
      error={refused === undefined ? undefined : refusal(label, Number(refused), check)}
      onChange={(value) => take(String(value))}
    />
  );
}

function LogitBias({ settings: { logitBias }, change }: AdvancedSamplingProps): React.JSX.Element {
  const [text, setText] = useState(logitBias === undefined ? "" : JSON.stringify(logitBias));
  const [error, setError] = useState<string>();
  const take = (json: string): void => {
    setText(json);
    try {
      const value = json.trim() === "" ? undefined : parsedBias(json);
      setError(undefined);
      change({ logitBias: value });
    } catch (problem) {
      setError(messageOf(problem));
    }
  };
  return (
    <Textarea
      label="Logit bias"
      description="Added to tokens’ logits, as JSON by token id: -100 bans a token, 100 all but forces it"
      {...readable}
      placeholder={'{"262": -100}'}
      autosize
      maxRows={6}
      error={error}
      errorProps={{ className: "message" }}
      value={text}
      onChange={({ currentTarget }) => take(currentTarget.value)}
    />
  );
}

function parsedBias(json: string): Settings["logitBias"] {
  const { logitBias: check } = generateChecks;
  let value: unknown = json;
  try {
    value = JSON.parse(json);
  } catch {
    // The text itself is what was received.
  }
  checkValue("Logit bias", value, check);
  return Object.keys(value).length === 0 ? undefined : value;
}

function refusal(label: string, value: number, check: ValueCheck<number>): string {
  try {
    checkValue(label, value, check);
    return "";
  } catch (error) {
    return messageOf(error);
  }
}
