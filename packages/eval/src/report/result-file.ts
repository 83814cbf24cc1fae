/** Files that `dynamo eval … --out` wrote, read again for the report. */
import { DynamoError } from "@dynamo/core";
import { jointKinds } from "@dynamo/decode";
import { checkValue, valueCheck, text as textCheck } from "@dynamo/core/options";
import * as z from "zod";
import { pathCheck } from "../arguments.js";
import { readTextFile } from "../text-file.js";

/** A sweep of 51 settings of 1,000 texts each has some 50 MiB. */
const mostBytes = 512 * 2 ** 20;

const interval = z.tuple([z.number(), z.number()]).nullable();
const estimate = z.object({ value: z.number(), interval });
const share = z.number().min(0).max(1);
const counts = z.array(z.number().min(0));
const setting = z.object({
  strategy: z.enum(["dynamo", "verified", "autoregressive"]),
  ...{ temperature: z.number().min(0).optional(), joint: z.enum(jointKinds).optional() },
  ...{ backoff: share.optional(), maskStrength: share.optional() },
  ...{ adaptive: z.boolean().optional(), blur: z.boolean().optional() },
});
const way = z.union([
  setting,
  z.object({ strategy: z.literal("speculative"), drafts: z.int().optional() }),
  z.object({
    strategy: z.literal("plugin"),
    module: z.string(),
    options: z.record(z.string(), z.json()).optional(),
  }),
]);
const sameQuality = z
  .object({
    level: z.number(),
    line: z.object({
      ...{ slope: z.number(), intercept: z.number(), residual: z.number().nullable(), points: z.int() },
      range: z.tuple([z.number(), z.number()]),
    }),
    ...{ speedup: z.number().nullable(), interval, theoretical: z.boolean() },
    band: z.array(z.object({ speedup: z.number(), quality: z.number(), interval })),
  })
  .nullable();
const row = z.object({
  ...{ way: way.nullable(), tokens: z.number(), passes: z.number(), tokensPerPass: z.number(), orders: counts },
  ...{ flopsPerToken: z.number().nullable(), flopsOverhead: z.number().nullable() },
  ...{ speedup: estimate.nullable(), logLikelihood: estimate.nullable(), difference: estimate.nullable() },
});
const comparison = z.object({
  groups: z.array(z.object({ model: z.string(), draft: z.string().nullable(), rows: z.array(row) })),
});
const perplexity = z.object({
  ppl: z.record(z.string(), z.number()),
  standardErrors: z.record(z.string(), z.number().nullable()),
  positions: z.record(z.string(), z.number()),
  masked: z
    .record(
      z.string(),
      z.object({ coverage: z.number(), masked: z.number().nullable(), product: z.number().nullable() }),
    )
    .optional(),
  walks: z
    .array(
      z.object({
        ...{ perplexity: z.number(), standardError: z.number().nullable(), backoff: z.number() },
        ...{ tokensPerPass: z.number(), orders: counts },
      }),
    )
    .optional(),
  windows: z.number(),
});
const text = z.object({ seed: z.int(), text: z.string(), tokens: z.number() });
const promptTexts = z.object({ prompt: z.int().min(0), texts: z.array(text) });
const completions = z.object({
  prompts: z.array(z.object({ type: z.string(), text: z.string() })),
  base: z.array(promptTexts),
  settings: z.array(
    z.object({
      ...{ setting, tokens: z.number(), passes: z.number(), tokensPerPass: z.number(), orders: counts },
      ...{ speedup: estimate.nullable(), speedupByType: z.record(z.string(), estimate), prompts: z.array(promptTexts) },
    }),
  ),
});
const textMeasures = z.object({
  logLikelihood: estimate.nullable(),
  repetition: z.record(z.string(), estimate.nullable()),
  distinct: z.record(z.string(), z.number().nullable()),
});
const setMeasures = textMeasures.extend({ divergence: z.number().nullable() });
const byQuality = z.object({
  ...{ logLikelihood: sameQuality, "distinct-2": sameQuality, divergence: sameQuality },
  // Results of before there were frontiers have none.
  frontier: sameQuality.default(null),
});
const gap = z.object({ nats: estimate, beyond: z.boolean() }).nullable();
const gaps = z.object({ "distinct-2": gap, divergence: gap }).default({ "distinct-2": null, divergence: null });
const measures = z.object({
  ...{ base: setMeasures.nullable(), real: textMeasures.nullable() },
  settings: z.array(setMeasures.extend({ setting, speedup: estimate.nullable(), gaps })),
  ...{ sameQuality: byQuality, sameQualityByType: z.record(z.string(), byQuality) },
});
const judgement = z.object({
  winRate: z
    .object({
      ...{ wins: z.int(), losses: z.int(), ties: z.int() },
      ...{ rate: z.number().nullable(), interval, share: z.number().nullable() },
    })
    .optional(),
  rating: estimate.nullable().optional(),
  ...{ verdicts: z.int(), malformed: z.int(), inconsistent: z.int().optional(), identical: z.int().optional() },
});
const judge = z.object({
  mode: z.enum(["pairwise", "single"]),
  base: judgement.optional(),
  settings: z.array(judgement.extend({ setting, speedup: estimate.nullable() })),
  ...{ sameQuality, sameQualityByType: z.record(z.string(), sameQuality) },
  ...{ promptTokens: z.number(), completionTokens: z.number(), cost: z.number().nullable() },
});
const architectures = z.object({
  models: z.array(
    z.object({
      ...{ model: z.string(), tokenHeads: z.int(), parameters: z.number(), parameterOverhead: z.number() },
      ...{ flopsOverhead: z.number(), perplexity: perplexity.nullable(), base: row, dynamo: row },
    }),
  ),
});
const scores = z.object({
  documents: z.int(),
  metrics: z.record(z.string(), z.object({ value: z.number(), standardError: z.number().nullable() })),
});
const tasks = z.object({
  tasks: z.array(
    scores.extend({
      ...{ task: z.string(), fewShot: z.int(), truncated: z.object({ documents: z.int(), tokens: z.int() }) },
      writing: z.object({ tokens: z.int(), passes: z.int(), tokensPerPass: z.number() }).optional(),
    }),
  ),
});
const tuneSetting = z.object({
  ...{ strategy: z.enum(["dynamo", "verified", "plugin"]), joint: z.enum(jointKinds).optional() },
  ...{
    temperature: z.number().min(0),
    topK: z.int().min(1),
    backoff: share.optional(),
    maskStrength: share.optional(),
  },
});
const trial = z.object({
  ...{ setting: tuneSetting, prompts: z.enum(["search", "held-out"]), count: z.int().min(0) },
  ...{ speedup: estimate, tokensPerPass: z.number(), gap, variety: z.number().nullable(), lossless: z.boolean() },
});
const tune = z.object({
  ...{ tolerance: z.number().min(0), trials: z.array(trial), chosen: trial.nullable(), verified: trial.nullable() },
  frontier: z.array(z.object({ temperature: z.number(), nats: z.number(), variety: z.number() })),
});
const run = z.object({
  ...{ command: z.string(), date: z.string(), seconds: z.number() },
  machine: z.object({
    ...{ cpu: z.string(), cores: z.number(), memoryGiB: z.number(), os: z.string(), load: z.number() },
  }),
  versions: z.record(z.string(), z.string()),
});

const common = { settings: z.record(z.string(), z.json()), run: run.optional() };
const file = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("perplexity"), summary: perplexity, ...common }),
  z.object({ kind: z.literal("tasks"), summary: tasks, ...common }),
  z.object({ kind: z.literal("completions"), summary: completions, ...common }),
  z.object({ kind: z.literal("measures"), summary: measures, ...common }),
  z.object({ kind: z.literal("judge"), summary: judge, ...common }),
  z.object({ kind: z.literal("tune"), summary: tune, ...common }),
  z.object({ kind: z.literal("compare"), summary: comparison, ...common }),
  z.object({ kind: z.literal("ablation"), summary: comparison, ...common }),
  z.object({ kind: z.literal("architectures"), summary: architectures, ...common }),
]);

/** One evaluation's results, with the name of its file. */
export type ResultFile = z.infer<typeof file> & { readonly name: string };
export type ResultOf<Kind extends ResultFile["kind"]> = Extract<ResultFile, { readonly kind: Kind }>;

/** As `readResultFile` reads it. */
export const resultFileCheck = valueCheck<ResultFile>(
  "a result file, as readResultFile() resolves to",
  (value) => file.safeParse(value).success && typeof (value as ResultFile).name === "string",
);

/** Throws `not-found`, and `invalid-file` with what was expected where. */
export async function readResultFile(path: string, name = path): Promise<ResultFile> {
  checkValue("path", path, pathCheck);
  checkValue("name", name, textCheck);
  const { data, error } = file.safeParse(parse(await readTextFile(path, mostBytes), path));
  if (data !== undefined) return { ...data, name };
  const [issue] = error.issues;
  throw new DynamoError(
    "invalid-file",
    `${path}: expected what \`dynamo eval … --out\` writes, ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
    { cause: error },
  );
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DynamoError("invalid-file", `${path}: expected JSON`, { cause });
  }
}
