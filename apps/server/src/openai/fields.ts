/** Three kinds of fields in a request's body: done, ignored because they cannot change the text, and neutral or refused. */
import { literal, null as nothing, toJSONSchema, union, unknown, type output, type ZodType } from "zod";

type Without = ZodType<undefined>;

/** Clients send null for what they leave open. */
export const open = <Schema extends ZodType>(schema: Schema): ZodType<output<Schema> | undefined> =>
  schema.nullish().transform((value) => value ?? undefined);

/** Any value is taken and has no effect; `what` says why it cannot change the text. */
export const ignored = (what: string): Without => withoutValue(unknown().optional(), `Ignored: ${what}.`);

/** Values that ask for nothing are taken, as null is; any other is refused, because the answer would not be what it asks for. */
export function only(neutral: ZodType, expected: string, what: string): Without {
  const either = union([neutral, nothing()]);
  const { $schema: _dialect, ...json } = toJSONSchema(either, { io: "input" });
  const taken = unknown().refine((value) => value === undefined || either.safeParse(value).success, {
    error: ({ input }) => `not supported: expected ${expected}, received ${shown(input)}`,
  });
  return withoutValue(taken.meta(json).optional(), `Only ${expected}: ${what}.`);
}

/** A switch that only stays off. */
export const off = (what: string): Without => only(literal(false), "false", what);

/** Known, and refused unless it is null. */
export const refused = (what: string): Without => only(nothing(), "null", what);

const withoutValue = (schema: ZodType, text: string): Without => schema.transform(() => undefined).describe(text);

const mostShown = 40;

function shown(value: unknown): string {
  const json = JSON.stringify(value);
  return json.length > mostShown ? `${json.slice(0, mostShown)}…` : json;
}
