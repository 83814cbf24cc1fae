/** What is read without the schema is read as the schema reads it. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { chatMessage } from "./messages-schema.js";
import { quickMessage } from "./quick-message.js";

const part = fc.record(
  { type: fc.constantFrom("text", "image_url"), text: fc.string(), annotations: fc.anything(), extra: fc.constant(1) },
  { requiredKeys: [] },
);
const nothing = fc.constantFrom<unknown>(null, null, "", [], "said", [1], false);
const members =
  "refusal tool_calls tool_call_id function_call audio images reasoning reasoning_content reasoning_details annotations id other toString";
const more = fc.array(fc.tuple(fc.constantFrom(...members.split(" ")), nothing), { maxLength: 2 });
const base = fc.record(
  {
    role: fc.constantFrom("user", "assistant", "system", "developer", "tool", "toString"),
    content: fc.oneof(
      fc.string(),
      fc.string(),
      fc.array(fc.oneof(part, part, fc.anything()), { maxLength: 2 }),
      nothing,
    ),
    name: fc.oneof(fc.string(), fc.constantFrom(null, 1, "x".repeat(500), "x".repeat(501))),
  },
  { requiredKeys: ["role"] },
);
const message = fc.oneof(
  { arbitrary: fc.anything(), weight: 1 },
  { arbitrary: fc.tuple(base, more).map(([own, pairs]) => ({ ...own, ...Object.fromEntries(pairs) })), weight: 9 },
);

const shown = (content: unknown): unknown =>
  Array.isArray(content) ? content.map(({ type, text }: { type: string; text: string }) => ({ type, text })) : content;

it("a message that it takes is one, and the same; one that is plain is always taken", () => {
  let taken = 0;
  fc.assert(
    fc.property(message, (given) => {
      // As it comes over the wire.
      const { given: value } = JSON.parse(JSON.stringify({ given })) as { given?: unknown };
      const quick = quickMessage(value);
      const whole = chatMessage.safeParse(value);
      expect(quick !== undefined).toBe(whole.success);
      if (quick === undefined || !whole.success) return;
      taken++;
      const { role, content = "", name } = whole.data;
      const { data } = quick;
      expect([data.role, shown(data.content), data.name]).toEqual([role, shown(content), name]);
    }),
    { numRuns: 3000 },
  );
  expect(taken).toBeGreaterThan(300);
});
