import type { LanguageModel } from "@dynamo/core";
import { tableModel } from "@dynamo/core/testing";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { toCsv } from "./csv.js";
import { backoffGrid, orderShares, speedUp, sweep, sweepRows, type Sweep } from "./sweep.js";

/** Splits what toCsv joined, by the RFC's grammar alone. */
function parseCsv(csv: string): string[][] {
  const rows: string[][] = [];
  let rest = csv;
  while (rest !== "") {
    const row: string[] = [];
    for (;;) {
      const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
      const plain = /^[^",\r\n]*/.exec(rest);
      row.push(quoted?.[1]?.replaceAll('""', '"') ?? plain?.[0] ?? "");
      rest = rest.slice((quoted ?? plain)?.[0].length ?? 0);
      if (!rest.startsWith(",")) break;
      rest = rest.slice(1);
    }
    if (!rest.startsWith("\r\n")) throw new Error("a row ends with CRLF");
    rest = rest.slice(2);
    rows.push(row);
  }
  return rows;
}

const row = (favourite: number): number[] => Array.from({ length: 128 }, (_, id) => (id === favourite ? 6 : id / 64));
const table = [1, 2, 3].map((ahead) => Array.from({ length: 128 }, (_, token) => row((token + ahead) % 128)));

async function measured(model: LanguageModel = tableModel({ table })): Promise<Sweep> {
  let last: Sweep | undefined;
  const options = {
    prompts: ["a", "b"],
    backoffs: backoffGrid(4),
    dynamo: {},
    length: 12,
    seed: 1,
    sampling: { topK: 5 },
  };
  for await (const each of sweep(model, options)) last = each;
  if (last === undefined) throw new Error("a sweep yields at least its base");
  return last;
}

describe("a sweep", () => {
  it("ends in N tokens per pass at ε_b = 0 and one at ε_b = 1", async () => {
    const { base, points } = await measured();
    expect(points.map(({ backoff }) => backoff)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(base).toMatchObject({ tokens: 5 * 24, passes: 5 * 24, orders: { 1: 5 * 24 } });
    expect(points[0]).toMatchObject({ tokens: 24, passes: 8, orders: { 3: 8 } });
    expect(points.at(-1)).toMatchObject({ tokens: 24, passes: 24, orders: { 1: 24 } });
  });

  it("has shares of orders that sum to 1", async () => {
    const { points } = await measured();
    const shares = orderShares(points, 3);
    expect(shares).toHaveLength(15);
    for (const { backoff } of points) {
      const own = shares.filter((each) => each.backoff === backoff);
      expect(own.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1, 12);
    }
  });

  it("is the median of the prompts' ratios", () => {
    expect([[], [3], [1, 4], [1, 100, 2]].map((ratios) => speedUp({ ratios }))).toEqual([0, 3, 2.5, 2]);
  });

  it("is not bent by a machine that gets slower and slower", async () => {
    let clock = 0;
    let cost = 1;
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock);
    const model = tableModel({ table });
    const slowing: LanguageModel = {
      ...model,
      forward(...pass) {
        // Three times as slow at the sweep's end as at its beginning.
        clock += cost *= 1.007;
        return model.forward(...pass);
      },
    };
    const { points } = await measured(slowing);
    now.mockRestore();
    expect(cost).toBeGreaterThan(3);
    // As many passes as tokens are worth 1, whenever they were measured; three times fewer are worth 3.
    expect(speedUp(points.at(-1) ?? { ratios: [] })).toBeCloseTo(1, 1);
    expect(speedUp(points[0] ?? { ratios: [] })).toBeCloseTo(3, 0);
  });

  it("becomes a table of one row an ε_b", async () => {
    const rows = parseCsv(toCsv(sweepRows(await measured(), 3)));
    expect(rows).toHaveLength(7);
    expect(rows[0]?.slice(-2)).toEqual(["passes_of_order_2", "passes_of_order_3"]);
    expect(new Set(rows.map(({ length }) => length)).size).toBe(1);
    expect(rows[2]?.slice(0, 4)).toEqual(["dynamo", "0", "24", "8"]);
  });
});

describe("CSV", () => {
  it("comes back as it was", () => {
    const cells = fc.array(fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "é") }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(cells), (rows) => {
        expect(parseCsv(toCsv(rows))).toEqual(rows);
      }),
    );
  });
});
