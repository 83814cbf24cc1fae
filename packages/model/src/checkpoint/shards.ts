/** How a large checkpoint is spread over files. */

import { callback, checkValue, listOf, valueCheck } from "@dynamo/core/options";

const anything = valueCheck("anything", () => true);

/** Items in their order, a new shard begun where the next one would pass `shardBytes`; a larger item has its own. */
export function intoShards<Item>(
  items: readonly Item[],
  shardBytes: number,
  bytesOf: (item: Item) => number,
): Item[][] {
  checkValue("items", items, listOf(anything, "a list"));
  checkValue(
    "shardBytes",
    shardBytes,
    valueCheck("a number above 0", (value) => typeof value === "number" && value > 0),
  );
  checkValue("bytesOf", bytesOf, callback());
  const shards: Item[][] = [[]];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (bytes > 0 && bytes + size > shardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)?.push(item);
    bytes += size;
  }
  return shards;
}
