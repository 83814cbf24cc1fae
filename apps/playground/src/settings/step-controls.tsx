/** The knobs of DynaMo's step: what its joint is, ε_b, α_c, Otsu's threshold, blur. */
import { Group, Select, Switch } from "@mantine/core";
import { LabelledSlider } from "../components/labelled-slider.js";
import { joints, ranges, type JointName, type Settings } from "./settings.js";
import type { ChangeSettings } from "./use-settings.js";

const labels: Readonly<Record<JointName, string>> = {
  auto: "the model's best",
  counts: "counted (the paper's)",
  learned: "learned",
  chain: "none: token by token",
};

export interface StepControlsProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
}

export function StepControls({ settings, change }: StepControlsProps): React.JSX.Element {
  return (
    <Group gap="lg" align="end">
      <Select
        label="Joint"
        size="xs"
        w={190}
        data={joints.map((value) => ({ value, label: labels[value] }))}
        value={settings.joint}
        onChange={(value) => change({ joint: value ?? "auto" })}
        allowDeselect={false}
      />
      <LabelledSlider
        label={
          <>
            Back-off ε<sub>b</sub>
          </>
        }
        range={ranges.backoff}
        step={0.01}
        value={settings.backoff}
        onChange={(backoff) => change({ backoff })}
        showValue
      />
      <LabelledSlider
        label={
          <>
            Mask strength α<sub>c</sub>
          </>
        }
        range={ranges.maskStrength}
        step={0.05}
        value={settings.maskStrength}
        onChange={(maskStrength) => change({ maskStrength })}
        showValue
      />
      <Group gap="lg" wrap="nowrap">
        <Switch
          label="Otsu"
          checked={settings.adaptive}
          onChange={({ currentTarget }) => change({ adaptive: currentTarget.checked })}
        />
        <Switch
          label="Blur"
          checked={settings.blur}
          disabled={!settings.adaptive}
          onChange={({ currentTarget }) => change({ blur: currentTarget.checked })}
        />
      </Group>
    </Group>
  );
}
