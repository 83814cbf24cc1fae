/** A slider with its name and value above it. */
import { Slider, Text } from "@mantine/core";
import { useId } from "react";
import { figure } from "./figures.js";

export interface LabelledSliderProps {
  readonly label: React.ReactNode;
  readonly range: readonly [number, number];
  readonly step: number;
  readonly value: number;
  readonly onChange: (value: number) => void;
  /** Shown beside the name. */
  readonly showValue?: boolean;
}

export function LabelledSlider({
  label,
  range,
  step,
  value,
  onChange,
  showValue = false,
}: LabelledSliderProps): React.JSX.Element {
  const id = useId();
  return (
    <div className="labelled-slider">
      <Text id={id} size="sm" fw={500}>
        {label}
        {showValue ? `: ${figure(value)}` : ""}
      </Text>
      <Slider
        min={range[0]}
        max={range[1]}
        step={step}
        value={value}
        onChange={onChange}
        label={null}
        size="sm"
        thumbProps={{ "aria-labelledby": id }}
      />
    </div>
  );
}
