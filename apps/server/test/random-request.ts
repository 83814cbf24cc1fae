/** Requests made from the very schemas that validate them: valid ones, and ones with something broken. */
import * as fc from "fast-check";
import { toJSONSchema, type ZodType } from "zod";
import { chatBody, completionBody } from "../src/openai/schemas.js";

export interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly additionalProperties?: Schema | boolean;
}

export interface RandomRequest {
  readonly path: "/v1/completions" | "/v1/chat/completions";
  readonly body: string;
}

/** Whole numbers that a schema leaves open stay where texts are short. */
const mostOpen = 40;

/** A value of the schema, small where the schema allows any size. */
function valueOf(schema: Schema): fc.Arbitrary<unknown> {
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return fc.oneof(...either.map(valueOf));
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (schema.type) {
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? mostOpen, 5000, mostOpen) });
    case "number":
      return fc.double({ ...boundsOf(schema), noNaN: true });
    case "boolean":
      return fc.boolean();
    case "string":
      return fc.string({ unit: "grapheme", minLength: schema.minLength ?? 0, maxLength: 60 });
    case "array":
      return fc.array(valueOf(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, 4),
      });
    case "object":
      return objectOf(schema);
    default:
      return fc.constant(null);
  }
}

const boundsOf = ({
  minimum,
  exclusiveMinimum,
  maximum = 100,
  exclusiveMaximum,
}: Schema): { min: number; max: number } => ({
  min: exclusiveMinimum === undefined ? (minimum ?? -100) : exclusiveMinimum + 1e-3,
  max: exclusiveMaximum === undefined ? maximum : exclusiveMaximum - 1e-3,
});

function objectOf({ properties, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
  if (properties === undefined) {
    const values = typeof additionalProperties === "object" ? valueOf(additionalProperties) : fc.constant(null);
    return fc.dictionary(fc.nat(4095).map(String), values, { maxKeys: 4 });
  }
  const members = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, valueOf(schema)]));
  return fc.record(members, { requiredKeys: [...required] });
}

const junk = fc.oneof(
  fc.constantFrom(null, true, "", "x", -1, 0, 1e6, 1e300, -0.5, [], {}, [[]], [null], { a: 1 }, "\ud83d", "\0"),
  fc.jsonValue({ maxDepth: 3 }),
);

/** One member replaced, or one that no schema knows. */
const broken = (body: fc.Arbitrary<unknown>, names: readonly string[]): fc.Arbitrary<unknown> =>
  fc
    .tuple(body, fc.constantFrom(...names, "unknown", "tools", "__proto__"), junk)
    .map(([value, name, other]) => ({ ...(value as object), [name]: other }));

/** JSON that ends too early, or has a byte too many. */
const cut = (json: string): fc.Arbitrary<string> =>
  fc.tuple(fc.nat(json.length), fc.string({ maxLength: 3 })).map(([end, tail]) => json.slice(0, end) + tail);

function bodiesOf(schema: ZodType, model: string): fc.Arbitrary<string> {
  const { properties = {}, ...rest } = toJSONSchema(schema, { io: "input" }) as Schema;
  // A model that is there, few texts, and these short; no second name of the penalty, which would have to be the first's.
  const few = { type: "integer", minimum: 1, maximum: 3 };
  const short = { type: "integer", minimum: 1, maximum: mostOpen };
  const { repeat_penalty: _alias, max_completion_tokens: _also, ...others } = properties;
  const kept = { ...others, model: { const: model }, n: few, max_tokens: short };
  return bodyOf({ ...rest, properties: kept, required: [...(rest.required ?? []), "model", "max_tokens"] });
}

/** JSON of the schema, with one member that is wrong, or cut off. */
export function bodyOf(schema: Schema): fc.Arbitrary<string> {
  const valid = valueOf(schema);
  const wrong = broken(valid, Object.keys(schema.properties ?? {}));
  const json = fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: wrong }).map((v) => JSON.stringify(v));
  return fc.oneof({ weight: 9, arbitrary: json }, { weight: 1, arbitrary: json.chain(cut) });
}

export const randomRequest: fc.Arbitrary<RandomRequest> = fc.oneof(
  fc.record({ path: fc.constant("/v1/completions" as const), body: bodiesOf(completionBody, "stories") }),
  fc.record({ path: fc.constant("/v1/chat/completions" as const), body: bodiesOf(chatBody, "chat") }),
);
