/** @dynamo/protocol may import @dynamo/core alone, so that it has a copy of what @dynamo/decode lists: they are held equal here. */
import { draftSourceNames, jointKinds, type DraftSourceName, type JointKind } from "@dynamo/decode";
import { parseCompletionRequest, type DynamoOptionsBody } from "@dynamo/protocol";
import { expect, expectTypeOf, test } from "vitest";

const asked = (joint: unknown) => parseCompletionRequest({ model: "any", prompt: "", dynamo: { joint } });

test("the joints of a request are those that there are, and no others", () => {
  expectTypeOf<NonNullable<DynamoOptionsBody["joint"]>>().toEqualTypeOf<JointKind>();
  for (const joint of jointKinds) expect(asked(joint).dynamo).toEqual({ joint });
  const all = jointKinds.map((each) => `"${each}"`).join("|");
  expect(() => asked("none")).toThrow(`expected one of ${all}`);
});

test("the draft sources of a request are those that there are, and no others", () => {
  expectTypeOf<NonNullable<DynamoOptionsBody["sources"]>[number]>().toEqualTypeOf<DraftSourceName>();
  const sources = [...draftSourceNames];
  expect(parseCompletionRequest({ model: "any", prompt: "", dynamo: { sources } }).dynamo).toEqual({ sources });
  const all = draftSourceNames.map((each) => `"${each}"`).join("|");
  expect(() => parseCompletionRequest({ model: "any", prompt: "", dynamo: { sources: ["none"] } })).toThrow(
    `expected one of ${all}`,
  );
});
