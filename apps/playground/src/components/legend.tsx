/** What the colours of the boxes mean, with how many passes of each there were. */
import { Group, Text } from "@mantine/core";
import type { Tally } from "../passes/pass.js";
import { count } from "./figures.js";

export function Legend({ tally, heads }: { readonly tally: Tally; readonly heads: number }): React.JSX.Element {
  const highest = Math.max(heads, ...Object.keys(tally.orders).map(Number));
  return (
    <Group gap="md" aria-label="Legend" role="group">
      {Array.from({ length: highest }, (_, i) => i + 1).map((order) => (
        <Text key={order} size="xs" component="span">
          <span className={`pass-box order-${order}`}>{count(order, "token")}</span> × {tally.orders[order] ?? 0}
        </Text>
      ))}
    </Group>
  );
}
