import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteSize, type DType } from "./dtype.js";
import { DynamoError } from "./errors.js";
import { encodeSafetensorsHeader, headerByteLength, maxHeaderBytes, parseSafetensorsHeader } from "./safetensors.js";

/** A file's first bytes around any text; `length` is what the file says of its header. */
function head(json: string, length?: number | bigint): Uint8Array {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(8 + text.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const parseJson = (json: unknown, dataBytes: number): ReturnType<typeof parseSafetensorsHeader> => {
  const bytes = head(typeof json === "string" ? json : JSON.stringify(json));
  return parseSafetensorsHeader(bytes, bytes.length + dataBytes);
};

/** Runs a parser on hostile input: it returns or throws `invalid-file`, nothing else. */
function refusesCleanly(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    expect(DynamoError.is(error) ? error.code : error).toBe("invalid-file");
    expect((error as DynamoError).message.length).toBeLessThan(1000);
  }
}

const dtypes: readonly DType[] = [
  "float64",
  "float32",
  "float16",
  "bfloat16",
  "int64",
  "int32",
  "int8",
  "uint32",
  "uint16",
  "uint8",
  "bool",
];
const tensors = fc.uniqueArray(
  fc.record({
    name: fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom(..."a b z 0 9 . _ - é".split(" ")) }),
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(5), { maxLength: 4 }),
  }),
  { selector: ({ name }) => name, maxLength: 6 },
);

const dataBytesOf = (entries: readonly { readonly dtype: DType; readonly shape: readonly number[] }[]): number =>
  entries.reduce((sum, { dtype, shape }) => sum + shape.reduce((a, b) => a * b, 1) * byteSize(dtype), 0);

describe("a well-formed header", () => {
  it("is read as it was written: names, dtypes, shapes, places, metadata", () => {
    fc.assert(
      fc.property(
        tensors,
        fc.dictionary(fc.string({ unit: fc.constantFrom("a", "b") }), fc.string()),
        (entries, metadata) => {
          const bytes = encodeSafetensorsHeader(entries, metadata);
          expect(bytes.length % 8).toBe(0);
          const fileBytes = bytes.length + dataBytesOf(entries);
          const parsed = parseSafetensorsHeader(bytes, fileBytes);
          expect(parsed.metadata).toEqual(metadata);
          expect(parsed.tensors.size).toBe(entries.length);
          let end = bytes.length;
          for (const { name, dtype, shape } of entries) {
            const byteLength = dataBytesOf([{ dtype, shape }]);
            expect(parsed.tensors.get(name)).toEqual({ dtype, shape, byteOffset: end, byteLength });
            end += byteLength;
          }
          expect(end).toBe(fileBytes);
        },
      ),
    );
  });

  it("may have a hole between tensors and any order", () => {
    const parsed = parseJson(
      { b: { dtype: "U8", shape: [2], data_offsets: [6, 8] }, a: { dtype: "F32", shape: [], data_offsets: [0, 4] } },
      8,
    );
    expect([...parsed.tensors.keys()]).toEqual(["b", "a"]);
  });
});

describe("a hostile header", () => {
  const one = (entry: object): object => ({ t: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...entry } });

  it.each([
    ["a shape of 2^60", one({ shape: [2 ** 60] }), /impossible shape/],
    ["dims whose product is 2^60", one({ shape: [2 ** 30, 2 ** 30] }), /impossible shape/],
    ["dims whose bytes are not countable", one({ shape: [2 ** 52] }), /needs 18014398509481984 bytes/],
    ["a negative dim", one({ shape: [-2] }), /impossible shape \[-2\]/],
    ["a fractional dim", one({ shape: [1.5] }), /impossible shape/],
    ["a dim of text", one({ shape: ["2"] }), /impossible shape \["2"\]/],
    ["17 axes", one({ shape: new Array(17).fill(1) }), /impossible shape/],
    ["no shape", one({ shape: null }), /impossible shape null/],
    ["a size that disagrees with the shape", one({ shape: [3] }), /needs 12 bytes, its offsets give 8/],
    ["offsets past the end", one({ shape: [3], data_offsets: [0, 12] }), /ends at byte/],
    ["offsets that start past the end", one({ data_offsets: [2 ** 50, 2 ** 50 + 8] }), /ends at byte/],
    ["negative offsets", one({ data_offsets: [-8, 0] }), /data_offsets \[-8, 0\]/],
    ["offsets the wrong way round", one({ data_offsets: [8, 0] }), /its offsets give -8/],
    ["offsets of 2^60", one({ data_offsets: [0, 2 ** 60] }), /data_offsets/],
    ["one offset", one({ data_offsets: [0] }), /data_offsets \[0\]/],
    ["an unknown dtype", one({ dtype: "F8_E4M3" }), /unknown dtype "F8_E4M3"/],
    ["a dtype of Object's own names", one({ dtype: "constructor" }), /unknown dtype "constructor"/],
    ["an entry that is null", { t: null }, /unknown dtype/],
    ["a list", [], /not a JSON object/],
    ["metadata that are not text", { __metadata__: { a: 1 } }, /__metadata__/],
  ])("with %s is refused", (_, json, message) => {
    expect(() => parseJson(json, 8)).toThrow(
      expect.objectContaining({ code: "invalid-file", message: expect.stringMatching(message) }),
    );
  });

  it("with tensors that overlap is refused by their names", () => {
    const entry = (from: number): object => ({ dtype: "U8", shape: [4], data_offsets: [from, from + 4] });
    expect(() => parseJson({ a: entry(0), b: entry(4), c: entry(7) }, 16)).toThrow(/tensors b and c overlap/);
    expect(parseJson({ a: entry(0), b: entry(4), c: entry(8) }, 16).tensors.size).toBe(3);
  });

  it("that says more bytes than the format or the file has is refused before anything is allocated", () => {
    expect(() => headerByteLength(head("", 2n ** 60n), 2 ** 40)).toThrow(/at most 100000000 bytes/);
    expect(() => headerByteLength(head("", maxHeaderBytes + 1), 2 ** 40)).toThrow(/at most 100000000 bytes/);
    expect(() => headerByteLength(head("", 100), 107)).toThrow(/says 100 bytes, the file has 107/);
    expect(headerByteLength(head("", 100), 108)).toBe(100);
    expect(() => headerByteLength(new Uint8Array(7), 7)).toThrow(/at least 8 bytes/);
  });

  it("nested 200,000 deep is refused wherever the nesting stands", () => {
    const deep = "[".repeat(2e5) + "]".repeat(2e5);
    for (const json of [
      deep,
      `{"t":${deep}}`,
      `{"t":{"dtype":${deep}}}`,
      `{"t":{"dtype":"F32","shape":[${deep}]}}`,
      `{"t":{"dtype":"F32","shape":[2],"data_offsets":${deep}}}`,
      `{"__metadata__":{"a":${deep}}}`,
    ]) {
      expect(() => parseJson(json, 8)).toThrow(expect.objectContaining({ code: "invalid-file" }));
    }
  });

  it("with a name as long as itself does not repeat it in its message", () => {
    expect.assertions(2);
    refusesCleanly(() => parseJson({ ["n".repeat(1e6)]: {} }, 8));
  });
});

describe("any other header", () => {
  const valid = encodeSafetensorsHeader(
    [
      { name: "a", dtype: "float32", shape: [2, 2] },
      { name: "b", dtype: "bfloat16", shape: [3] },
    ],
    { format: "pt" },
  );
  const fileBytes = valid.length + 22;

  it("is refused when it is cut off anywhere", () => {
    for (let length = 0; length < valid.length; length++) {
      const cut = valid.subarray(0, length);
      expect(() => parseSafetensorsHeader(cut, length)).toThrow(expect.objectContaining({ code: "invalid-file" }));
      expect(() => parseSafetensorsHeader(cut, fileBytes)).toThrow(expect.objectContaining({ code: "invalid-file" }));
    }
  });

  it("is refused when the file behind it is cut off", () => {
    for (let bytes = valid.length; bytes < fileBytes; bytes++) {
      expect(() => parseSafetensorsHeader(valid, bytes)).toThrow(expect.objectContaining({ code: "invalid-file" }));
    }
    expect(parseSafetensorsHeader(valid, fileBytes).tensors.size).toBe(2);
  });

  it("is read or refused, and never places a tensor outside the file, with bytes flipped", () => {
    const flip = fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 4 }), (flips) => {
        const bytes = valid.slice();
        for (const { at, byte } of flips) bytes[at] = byte;
        refusesCleanly(() => {
          for (const entry of parseSafetensorsHeader(bytes, fileBytes).tensors.values()) {
            expect(entry.byteOffset + entry.byteLength).toBeLessThanOrEqual(fileBytes);
            expect(entry.byteLength).toBe(dataBytesOf([entry]));
          }
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("is read or refused when it is any JSON", () => {
    const extreme = fc.oneof(
      fc.integer(),
      fc.double(),
      fc.maxSafeNat(),
      fc.constantFrom(2 ** 60, -1, 2 ** 53),
      fc.string(),
    );
    const entry = fc.record(
      {
        dtype: fc.oneof(fc.constantFrom("F32", "BF16", "U8", "BOOL", "I64"), fc.jsonValue()),
        shape: fc.oneof(fc.array(fc.oneof(fc.nat(3), extreme), { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(fc.nat(64), fc.nat(64)), fc.array(extreme, { maxLength: 3 }), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue())), fc.jsonValue()), (json) => {
        refusesCleanly(() => parseJson(JSON.stringify(json), 64));
      }),
      { numRuns: 500 },
    );
  });

  it("is read or refused when it is any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(100), (bytes, size) => {
        refusesCleanly(() => parseSafetensorsHeader(bytes, size));
        refusesCleanly(() => parseSafetensorsHeader(head(new TextDecoder().decode(bytes)), size + 8));
      }),
    );
  });
});
