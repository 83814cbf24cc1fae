/** The knobs of DynaMo's step: ε_b, α_c, Otsu's threshold, blur. */
import { Group, Switch } from "@mantine/core";
import { LabelledSlider } from "../components/labelled-slider.js";
import { ranges, type Settings } from "./settings.js";
import type { ChangeSettings } from "./use-settings.js";

export interface StepControlsProps {
  readonly settings: Settings;
  readonly change: ChangeSettings;
}

export function StepControls({ settings, change }: StepControlsProps): React.JSX.Element {
  return (
    <Group gap="lg">
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
