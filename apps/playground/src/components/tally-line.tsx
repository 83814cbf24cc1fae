/** A text's figures in a row. */
import { Group, Text } from "@mantine/core";
import { tokensPerPass, tokensPerSecond, type Tally } from "../passes/pass.js";
import { figure } from "./figures.js";

export interface TallyLineProps {
  readonly tally: Tally;
  /** Show the seconds that the passes took. */
  readonly clock?: boolean;
}

export function TallyLine({ tally, clock = false }: TallyLineProps): React.JSX.Element {
  const figures = [
    [figure(tally.tokens), "tokens"],
    [figure(tally.passes), "passes"],
    [tokensPerPass(tally).toFixed(2), "tokens per pass"],
    [figure(tokensPerSecond(tally)), "tokens/s"],
    ...(clock ? ([[tally.seconds.toFixed(2), "s on its clock"]] as const) : []),
  ] as const;
  return (
    <Group className="tally">
      {figures.map(([value, name]) => (
        <Text key={name} size="sm" component="span">
          <b>{value}</b> {name}
        </Text>
      ))}
    </Group>
  );
}
