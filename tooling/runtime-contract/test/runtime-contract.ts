/** What every runtime must do, whatever its device: one suite for all of them. */
import {
  DynamoError,
  tensor,
  type CacheLayout,
  type DType,
  type Runtime,
  type Session,
  type Tensor,
} from "@dynamo/core";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  appendToOracle,
  copyOf,
  emptyOracle,
  firstDifference,
  freshValues,
  longest,
  programs,
  startPass,
  type OracleRow,
} from "./cache-oracle.js";
import { arithmeticGraph, cacheGraph, heavyGraph, identityGraph, ringLayout, testLayout } from "./graphs.js";

export interface ContractOptions {
  /** Dtypes that the device can pass through a graph. */
  readonly dtypes: readonly DType[];
  /** Random cache programs to run: fewer where a pass is slow. */
  readonly programs: number;
  /** False where the device has no float16 and must say so. */
  readonly float16: boolean;
}

/** `create` makes a new runtime on the device under test. */
export function runtimeContract(name: string, create: () => Runtime, options: ContractOptions): void {
  describe(name, () => {
    let runtime: Runtime;
    beforeAll(() => {
      runtime = create();
    });
    afterAll(() => runtime.dispose());

    sessionContract(() => runtime, options);
    cacheContract(() => runtime, options);
    wrongCopies(() => runtime);
    endingContract(create);
  });
}

function sessionContract(runtime: () => Runtime, { dtypes }: ContractOptions): void {
  test.each(dtypes)("%s goes through a graph unchanged", async (dtype) => {
    await withSession(runtime(), identityGraph(dtype), async (session) => {
      expect(session.inputs).toEqual([{ name: "x", dtype, dims: ["n"] }]);
      const x = exampleOf(dtype);
      const { y } = await session.run({ x }, ["y"]);
      expect(y?.dtype).toBe(dtype);
      expect(y?.location).toBe("cpu");
      expect(y?.dims).toEqual([3]);
      expect(y?.data).toEqual(x.data);
    });
  });

  test("only the outputs asked for come back, in any order, from call to call", async () => {
    for (const deviceOutputs of [[], ["difference"]]) {
      await withSession(
        runtime(),
        arithmeticGraph(),
        async (session) => {
          for (const [n, fetches] of [
            [1, ["sum"]],
            [2, ["difference"]],
            [3, ["difference", "sum"]],
            [1, ["sum"]],
            [2, []],
          ] as const) {
            const [a, b] = [floats(n, 5), floats(n, 3)];
            const results = await session.run({ a, b }, fetches);
            expect(Object.keys(results).sort()).toEqual([...fetches].sort());
            for (const fetch of fetches)
              expect(results[fetch]?.data).toEqual(new Float32Array(n).fill(fetch === "sum" ? 8 : 2));
          }
        },
        deviceOutputs,
      );
    }
  });

  test("a view into a larger buffer, or into shared memory, is fed as itself; its owner keeps it", async () => {
    await withSession(runtime(), identityGraph("float32"), async (session) => {
      const shared = new Float32Array(new SharedArrayBuffer(16));
      shared.set([9, 8, 7, 6]);
      for (const data of [Float32Array.of(9, 8, 7, 6), shared]) {
        const { y } = await session.run({ x: tensor("float32", [2], data.subarray(1, 3)) }, ["y"]);
        expect([...(y?.data as Float32Array)]).toEqual([8, 7]);
        expect([...data]).toEqual([9, 8, 7, 6]);
      }
    });
  });

  test("sessions are independent, and calls under way at once give each its own answer", async () => {
    await withSession(runtime(), arithmeticGraph(), async (first) => {
      await withSession(runtime(), identityGraph("float32"), async (second) => {
        const answers = await Promise.all(
          Array.from({ length: 20 }, async (_, i) => {
            if (i % 2 === 0) return (await second.run({ x: floats(1, i) }, ["y"]))["y"]?.data[0];
            return (await first.run({ a: floats(1, i), b: floats(1, 0) }, ["sum"]))["sum"]?.data[0];
          }),
        );
        expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => i));
      });
    });
  });

  test("feeds and fetches that do not fit the graph are refused with what was expected", async () => {
    await withSession(runtime(), arithmeticGraph(), async (session) => {
      const [a, b] = [floats(1, 1), floats(1, 1)];
      await expectError(session.run({ a }, ["sum"]), "invalid-argument", "input b is missing: received a");
      await expectError(session.run({ a, b, c: a }, ["sum"]), "invalid-argument", "no input c; it has a, b");
      await expectError(
        session.run({ a, b }, ["product"]),
        "invalid-argument",
        "no output product; it has sum, difference",
      );
      const wrong = tensor("int32", [1], Int32Array.of(1));
      await expectError(
        session.run({ a, b: wrong }, ["sum"]),
        "invalid-argument",
        "input b: expected float32, received int32",
      );
      await expectError(session.run({ a, b: tensor("float32", [1, 1, 1]) }, ["sum"]), "runtime", "forward pass failed");
      expect((await session.run({ a, b }, ["sum"]))["sum"]?.data[0]).toBe(2);
    });
  });

  test("bytes that are no graph are refused", async () => {
    await expectError(runtime().createSession({ bytes: Uint8Array.of(1, 2, 3) }), "invalid-file", "not a graph");
    await expectError(
      runtime().createSession({ bytes: (await heavyGraph(8, 1)).subarray(0, 100) }),
      "invalid-file",
      "not a graph",
    );
  });
}

function cacheContract(runtime: () => Runtime, { programs: programCount, float16 }: ContractOptions): void {
  test.each([
    ["whole", testLayout],
    ["with rings", ringLayout],
  ] as const)("a cache holds what its passes append and its rows copy, like plain lists (%s)", async (_, layoutOf) => {
    const [rows, maxLength] = [3, 400];
    const layout = layoutOf({ rows, maxLength });
    await withSession(
      runtime(),
      cacheGraph(layout),
      async (session) => {
        const property = fc.asyncProperty(programs(rows, maxLength), async (steps) => {
          const caches = [
            { cache: await session.createCache(layout), oracle: emptyOracle(rows) },
            { cache: await session.createCache({ ...layout, rows: rows + 1 }), oracle: emptyOracle(rows + 1) },
          ] as const;
          for (const [seed, step] of steps.entries()) {
            const { cache, oracle } = caches[step.cache as 0 | 1];
            if (step.kind === "trim") {
              await cache.trim(longest(oracle));
              continue;
            }
            if (step.kind === "copy") {
              const given = caches[step.source as 0 | 1];
              const source = given.oracle[step.from] as OracleRow;
              const length = Math.floor(source.positions.length * step.share);
              await cache.copyRow(step.from, step.to, length, given.cache);
              oracle[step.to] = copyOf(source, length);
              continue;
            }
            const used = startPass(oracle, step, maxLength);
            const lengths = used.map((_, row) => (oracle[row] as OracleRow).positions.length);
            const fresh = freshValues(layout, used.length, step.newPositions, seed);
            const seen = layout.tensors.map(({ name }) => `seen.${name}`);
            const { newPositions } = step;
            const results = await session.run({ fresh }, seen, { cache, lengths, newPositions, counts: used });
            expect(Object.keys(results)).toHaveLength(seen.length);
            for (const { name } of layout.tensors) {
              expect(
                firstDifference(oracle, layout, { name, ...pick(results[`seen.${name}`] as Tensor) }),
              ).toBeUndefined();
            }
            appendToOracle(oracle, fresh, used);
          }
          for (const { cache } of caches) await cache.dispose();
        });
        await fc.assert(property, { numRuns: programCount });
      },
      [layout.delta],
    );
  });

  test("a cache that grew and was trimmed to the capacity that it began with shows what it holds now", async () => {
    const layout = testLayout({ rows: 2, maxLength: 600 });
    const seen = layout.tensors.map(({ name }) => `seen.${name}`);
    const use = async (session: Session): Promise<void> => {
      const cache = await session.createCache(layout);
      const oracle = emptyOracle(2);
      for (const [pass, newPositions] of [300, 40, 40].entries()) {
        const fresh = freshValues(layout, 2, newPositions, pass);
        const lengths = oracle.map(({ positions }) => positions.length);
        const results = await session.run({ fresh }, seen, { cache, lengths, newPositions });
        for (const { name } of layout.tensors)
          expect(firstDifference(oracle, layout, { name, ...pick(results[`seen.${name}`] as Tensor) })).toBeUndefined();
        // The first pass's positions were padding, but for one.
        appendToOracle(oracle, fresh, pass === 0 ? [1, 1] : [newPositions, newPositions]);
        if (pass === 0) await cache.trim(1);
      }
    };
    await withSession(runtime(), cacheGraph(layout), use, [layout.delta]);
  });

  test("rows fill up to maxLength, and padding past it is dropped", async () => {
    const [rows, maxLength] = [2, 600];
    const layout = testLayout({ rows, maxLength });
    const seen = layout.tensors.map(({ name }) => `seen.${name}`);
    const use = async (session: Session): Promise<void> => {
      const cache = await session.createCache(layout);
      const oracle = emptyOracle(rows);
      const lengths = (): number[] => oracle.map(({ positions }) => positions.length);
      for (let pass = 0; pass < 12; pass++) {
        const fresh = freshValues(layout, rows, 70, pass);
        const results = await session.run({ fresh }, seen, { cache, lengths: lengths(), newPositions: 70 });
        for (const { name } of layout.tensors) {
          expect(firstDifference(oracle, layout, { name, ...pick(results[`seen.${name}`] as Tensor) })).toBeUndefined();
        }
        const used = lengths().map((length, row) => Math.min(row === 0 ? 70 : 61, maxLength - length));
        appendToOracle(oracle, fresh, used);
      }
      expect(lengths()).toEqual([maxLength, maxLength]);
    };
    await withSession(runtime(), cacheGraph(layout), use, [layout.delta]);
  });

  test("a new cache is not empty-shaped and holds zeros; delta can be fetched as well", async () => {
    const layout = testLayout();
    for (const deviceOutputs of [[], [layout.delta, "seen.past.0.key"]]) {
      await withSession(
        runtime(),
        cacheGraph(layout),
        async (session) => {
          const cache = await session.createCache(layout);
          const fresh = freshValues(layout, 2, 1, 5);
          const results = await session.run({ fresh }, ["seen.past.0.key", "delta"], {
            cache,
            lengths: [0, 0],
            newPositions: 1,
          });
          const key = results["seen.past.0.key"] as Tensor<"float32">;
          expect(key.dims.slice(0, 3)).toEqual([2, 2, 4]);
          expect(key.dims[3]).toBeGreaterThan(0);
          expect(key.data.every((value) => value === 0)).toBe(true);
          expect(results["delta"]?.data).toEqual(fresh.data);
        },
        deviceOutputs,
      );
    }
  });

  test(`a cache of float16 ${float16 ? "holds the bits" : "is refused as unsupported"}`, async () => {
    const layout = testLayout({ rows: 1, dtype: "float16" });
    const use = async (session: Session): Promise<void> => {
      const cache = await session.createCache(layout);
      const fresh = freshValues(layout, 1, 3, 5);
      const oracle = emptyOracle(1);
      await session.run({ fresh }, [], { cache, lengths: [0], newPositions: 3 });
      appendToOracle(oracle, fresh, [3]);
      const seen = layout.tensors.map(({ name }) => `seen.${name}`);
      const results = await session.run({ fresh }, seen, { cache, lengths: [3], newPositions: 3 });
      for (const { name } of layout.tensors) {
        const value = results[`seen.${name}`] as Tensor;
        expect(value.dtype).toBe("float16");
        expect(firstDifference(oracle, layout, { name, ...pick(value) })).toBeUndefined();
      }
    };
    const outcome = withSession(runtime(), cacheGraph(layout), use, [layout.delta]);
    if (float16) await outcome;
    else await expectError(outcome, "unsupported", "no float16 shaders");
  });

  test("caches are independent of each other, belong to their session, and end once", async () => {
    const layout = testLayout({ rows: 1 });
    await withSession(runtime(), cacheGraph(layout), async (session) => {
      const [one, other] = [await session.createCache(layout), await session.createCache(layout)];
      const append = { lengths: [0], newPositions: 1 };
      await session.run({ fresh: freshValues(layout, 1, 1, 5) }, [], { cache: one, ...append });
      const { "seen.past.0.key": key } = await session.run(
        { fresh: freshValues(layout, 1, 1, 6) },
        ["seen.past.0.key"],
        {
          cache: other,
          ...append,
        },
      );
      expect((key as Tensor<"float32">).data[0]).toBe(0);
      await withSession(runtime(), cacheGraph(layout), async (stranger) => {
        const pass = stranger.run({ fresh: freshValues(layout, 1, 1, 5) }, [], { cache: one, ...append });
        await expectError(pass, "invalid-argument", "belongs to another session");
      });
      await one.dispose();
      await one.dispose();
      const pass = session.run({ fresh: freshValues(layout, 1, 1, 5) }, [], { cache: one, ...append });
      await expectError(pass, "invalid-argument", "cache has been disposed");
      await expectError(one.copyRow(0, 0, 0), "invalid-argument", "cache has been disposed");
    });
  });

  test("layouts and passes that cannot be are refused, and leave the cache as it was", async () => {
    const layout = testLayout();
    await withSession(runtime(), cacheGraph(layout), async (session) => {
      const [key] = layout.tensors as [CacheLayout["tensors"][number]];
      const strange = { ...layout, tensors: [{ ...key, name: "past.9.key" }] };
      await expectError(session.createCache(strange), "invalid-argument", "no input past.9.key");
      await expectError(session.createCache({ ...layout, delta: "gamma" }), "invalid-argument", "no output gamma");
      await expectError(session.createCache({ ...layout, rows: 0 }), "invalid-argument", "rows");
      const cache = await session.createCache(layout);
      const fresh = freshValues(layout, 1, 1, 5);
      await expectError(
        session.run({ fresh }, [], { cache, lengths: [0, 0, 0, 0], newPositions: 1 }),
        "invalid-argument",
        "number of lengths",
      );
      await expectError(
        session.run({ fresh }, [], { cache, lengths: [301], newPositions: 1 }),
        "invalid-argument",
        "cache length",
      );
      await expectError(cache.copyRow(0, 3, 0), "invalid-argument", "row copied to");
      const longer = await session.createCache({ ...layout, maxLength: layout.maxLength + 1 });
      await expectError(cache.copyRow(0, 0, 0, longer), "invalid-argument", "caches of one layout");
      await session.run({ fresh }, [], { cache, lengths: [0], newPositions: 1 });
    });
  });
}

/** No row, no number of positions: also in plain JavaScript's hands. */
const noNumbers: readonly unknown[] = [-1, 1.5, NaN, 2 ** 60, "0", undefined, null, 1n, Symbol("0"), { toString: "" }];

function wrongCopies(runtime: () => Runtime): void {
  test("rows and lengths that cannot be are refused by name, and leave the cache as it was", async () => {
    const layout = testLayout({ rows: 2 });
    await withSession(runtime(), cacheGraph(layout), async (session) => {
      const cache = await session.createCache(layout);
      const fresh = freshValues(layout, 1, 1, 5);
      const pass = async (length: number): Promise<number | undefined> => {
        const append = { cache, lengths: [length], newPositions: 1 };
        const { "seen.past.0.key": seen } = await session.run({ fresh }, ["seen.past.0.key"], append);
        return (seen as Tensor<"float32">).data[0];
      };
      await pass(0);
      for (const wrong of noNumbers as readonly number[]) {
        await expectError(
          cache.copyRow(wrong, 0, 1),
          "invalid-argument",
          "row copied from must be a whole number from 0",
        );
        await expectError(
          cache.copyRow(0, wrong, 1),
          "invalid-argument",
          "row copied to must be a whole number from 0",
        );
        await expectError(
          cache.copyRow(0, 1, wrong),
          "invalid-argument",
          "length copied must be a whole number from 0",
        );
        await expectError(cache.trim(wrong), "invalid-argument", "length kept must be a whole number from 0");
        await expectError(
          session.run({ fresh }, [], { cache, lengths: [wrong], newPositions: 1 }),
          "invalid-argument",
          "",
        );
        await expectError(
          session.run({ fresh }, [], { cache, lengths: [0], newPositions: wrong }),
          "invalid-argument",
          "",
        );
        await expectError(session.createCache({ ...layout, rows: wrong }), "invalid-argument", "rows must be");
        await expectError(
          session.createCache({ ...layout, maxLength: wrong }),
          "invalid-argument",
          "maxLength must be",
        );
      }
      await expectError(cache.copyRow(0, 1, 1, {} as never), "invalid-argument", "belongs to another session");
      expect(await pass(1)).toBe(fresh.data[0]);
    });
  });
}

function endingContract(create: () => Runtime): void {
  test("disposal is idempotent, rejects what is under way, and is remembered", async () => {
    const runtime = create();
    const session = await runtime.createSession({ bytes: await identityGraph("float32") });
    const gone = await runtime.createSession({ bytes: await identityGraph("float32") });
    await gone.dispose();
    await gone.dispose();
    await expectError(gone.run({ x: floats(1, 1) }, ["y"]), "invalid-argument", "session has been disposed");

    const underWay = session.run({ x: floats(1, 1) }, ["y"]);
    const rejected = expectError(underWay, "runtime", "the runtime has been disposed");
    await Promise.all([runtime.dispose(), runtime.dispose(), rejected]);
    await runtime.dispose();
    await session.dispose();
    await expectError(session.run({ x: floats(1, 1) }, ["y"]), "invalid-argument", "disposed");
    await expectError(
      runtime.createSession({ bytes: await identityGraph("float32") }),
      "invalid-argument",
      "the runtime has been disposed",
    );
    await expectError(runtime.device(), "invalid-argument", "the runtime has been disposed");
  });

  test("a runtime that never did anything is disposed", async () => {
    await expect(create().dispose()).resolves.toBeUndefined();
  });
}

async function withSession(
  runtime: Runtime,
  graph: Promise<Uint8Array>,
  use: (session: Session) => Promise<void>,
  deviceOutputs: readonly string[] = [],
): Promise<void> {
  const session = await runtime.createSession({ bytes: await graph }, { deviceOutputs });
  try {
    await use(session);
  } finally {
    await session.dispose();
  }
}

async function expectError(promise: Promise<unknown>, code: DynamoError["code"], message: string): Promise<void> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!DynamoError.is(error)) throw new Error(`expected a DynamoError about "${message}", received ${String(error)}`);
  expect(error.message).toContain(message);
  expect(error.code).toBe(code);
}

function floats(length: number, value: number): Tensor<"float32"> {
  return tensor("float32", [length], new Float32Array(length).fill(value));
}

function pick({ dims, data }: Tensor): { dims: readonly number[]; data: Tensor["data"] } {
  return { dims, data };
}

function exampleOf(dtype: DType): Tensor {
  const values = dtype === "bool" ? [1, 0, 1] : [0, 1, 100];
  const x = tensor(dtype, [3]);
  for (const [i, value] of values.entries()) x.data[i] = dtype === "int64" ? BigInt(value) : value;
  return x;
}
