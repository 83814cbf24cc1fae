/** A text's figures in a row. */
import { Group, Text } from "@mantine/core";
import { tokensPerPass, tokensPerSecond, type Tally } from "../passes/pass.js";
import { figure } from "./figures.js";

export function TallyLine({ tally }: { readonly tally: Tally }): React.JSX.Element {
  const figures = [
    [figure(tally.tokens), "tokens"],
    [figure(tally.passes), "passes"],
    [tokensPerPass(tally).toFixed(2), "tokens a pass"],
    [figure(tokensPerSecond(tally)), "tokens/s"],
  ] as const;
  return (
    <Group gap="lg" className="tally">
      {figures.map(([value, name]) => (
        <Text key={name} size="sm" component="span">
          <b>{value}</b> {name}
        </Text>
      ))}
    </Group>
  );
}
