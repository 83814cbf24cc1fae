/** The built-in draft sources by their names, as a command line or a request gives them. */
import { hasMethods, valueCheck, type ValueCheck } from "@dynamo/core/options";
import type { DraftSource } from "./draft-source.js";
import { draftSourceNames, type DraftSourceName } from "./draft-source-names.js";
import { headDrafts } from "./head-drafts.js";
import { lookup } from "./lookup.js";
import { recycling } from "./recycling.js";

const makers = { heads: () => headDrafts(), lookup: () => lookup(), recycling } satisfies Record<
  DraftSourceName,
  () => unknown
>;

export const namedSource = (name: DraftSourceName): DraftSource => makers[name]();

const isSource = (value: unknown): boolean =>
  typeof value === "string"
    ? Object.hasOwn(makers, value)
    : hasMethods(value, "next") && typeof (value as DraftSource).name === "string";

export const sourcesCheck: ValueCheck<readonly (DraftSourceName | DraftSource)[]> = valueCheck(
  `a list, not empty, of ${draftSourceNames.join(", ")} or draft sources { name, next }`,
  (value) => Array.isArray(value) && value.length > 0 && Array.from(value).every(isSource),
);
