/** All settings, beside every view. */
import { CopyButton, Button, NumberInput, Select, Stack } from "@mantine/core";
import { AdvancedSampling } from "./advanced-sampling.js";
import { PluginPicker } from "./plugin-picker.js";
import { devices, dtypes, ranges, strategies, type Settings } from "./settings.js";
import { StepControls } from "./step-controls.js";
import type { PluginControl } from "./use-plugin.js";
import type { ChangeSettings } from "./use-settings.js";

export interface SettingsPanelProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
  readonly plugin: PluginControl;
  /** The model is a server's: where it runs and which strategies there are is not the page's to choose. */
  readonly remote: boolean;
  /** Choosing a model. */
  readonly children: React.ReactNode;
}

const strategyLabels = {
  dynamo: "dynamo – 1 to N tokens per pass",
  autoregressive: "autoregressive – one per pass",
  verified: "verified – exactly the base model's",
  plugin: "your own, from a module",
} as const;
const deviceLabels = { auto: "automatic", webgpu: "GPU (WebGPU)", wasm: "CPU (WASM)" } as const;
const dtypeLabels = {
  auto: "automatic",
  fp32: "fp32 – 32 bits",
  fp16: "fp16 – 16 bits",
  q8: "q8 – 8 bits",
  q4: "q4 – 4 bits",
  int8: "int8 – 7 bits",
} as const;

export function SettingsPanel({ settings, change, plugin, remote, children }: SettingsPanelProps): React.JSX.Element {
  return (
    <Stack gap="sm" p="md">
      {children}
      {remote ? null : <WhereItRuns settings={settings} change={change} />}
      <Select
        label="Strategy"
        data={strategies.map((value) => ({
          value,
          label: strategyLabels[value],
          disabled: remote && value === "plugin",
        }))}
        value={settings.strategy}
        allowDeselect={false}
        onChange={(strategy) => change({ strategy: strategy ?? "dynamo" })}
      />
      {settings.strategy === "plugin" ? <PluginPicker {...plugin} /> : null}
      {settings.strategy === "autoregressive" ? null : <StepControls settings={settings} change={change} />}
      <Figure name="temperature" label="Temperature (0 is greedy)" step={0.1} settings={settings} change={change} />
      <Figure name="topK" label="Top-k" step={1} settings={settings} change={change} />
      <Figure name="penalty" label="Repetition penalty" step={0.05} settings={settings} change={change} />
      <AdvancedSampling settings={settings} change={change} />
      <Figure name="seed" label="Seed" step={1} settings={settings} change={change} />
      <Figure name="length" label="Tokens to write" step={10} settings={settings} change={change} />
      <CopyButton value={location.href}>
        {({ copied, copy }) => (
          <Button variant="default" size="xs" onClick={copy}>
            {copied ? "Copied" : "Copy a link to this page"}
          </Button>
        )}
      </CopyButton>
    </Stack>
  );
}

function WhereItRuns({ settings, change }: Pick<SettingsPanelProps, "settings" | "change">): React.JSX.Element {
  return (
    <>
      <Select
        label="Device"
        data={devices.map((value) => ({ value, label: deviceLabels[value] }))}
        value={settings.device}
        allowDeselect={false}
        onChange={(device) => change({ device: device ?? "auto" })}
      />
      <Select
        label="Weights (dtype)"
        data={dtypes.map((value) => ({ value, label: dtypeLabels[value] }))}
        value={settings.dtype}
        allowDeselect={false}
        onChange={(dtype) => change({ dtype: dtype ?? "auto" })}
      />
    </>
  );
}

interface FigureProps extends Pick<SettingsPanelProps, "settings" | "change"> {
  readonly name: "temperature" | "topK" | "penalty" | "seed" | "length";
  readonly label: string;
  readonly step: number;
}

function Figure({ name, label, step, settings, change }: FigureProps): React.JSX.Element {
  const [min, max] = ranges[name];
  const whole = name !== "temperature" && name !== "penalty";
  return (
    <NumberInput
      label={label}
      min={min}
      max={max}
      step={step}
      allowDecimal={!whole}
      clampBehavior="blur"
      value={settings[name]}
      onChange={(value) => {
        if (typeof value === "number" && value >= min && value <= max) change({ [name]: value });
      }}
    />
  );
}
