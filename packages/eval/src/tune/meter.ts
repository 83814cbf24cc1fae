/**
 * Settings measured prompt by prompt, in turns with one token per pass: the base's texts at several temperatures are the frontier, and
 * their times are what a setting's are divided by.
 */
import type { Strategy } from "@dynamo/core";
import { autoregressive } from "@dynamo/decode";
import type { LoadedModel } from "@dynamo/model";
import type { OpenPrompt } from "../open-ended/prompts.js";
import { meanOf } from "../statistics/intervals.js";
import type { Measure } from "./search.js";
import { keyOf, type Trial, type TuneSetting } from "./setting.js";
import {
  scored,
  secondsPerToken,
  sumOf,
  textsOf,
  timeOf,
  trialOf,
  writeTexts,
  type Timed,
  type Writer,
  type WritingOptions,
} from "./written.js";

export interface MeterOptions extends WritingOptions {
  readonly model: LoadedModel;
  readonly prompts: readonly OpenPrompt[];
  readonly which: Trial["prompts"];
  /** Of the base's frontier. */
  readonly temperatures: readonly number[];
  /** Of the base. */
  readonly topK: number;
  readonly make: (setting: TuneSetting) => Strategy;
  /** A prompt's texts of one setting, or of one temperature of the base, are written. */
  readonly onWritten?: (() => void) | undefined;
}

/** One temperature of the base. */
export interface FrontierTemperature {
  readonly temperature: number;
  /** Nats per token. */
  readonly nats: number;
  /** distinct-2 */
  readonly variety: number;
}

export interface Meter {
  readonly measure: Measure;
  /** Of the prompts that were measured so far. */
  frontier(): FrontierTemperature[];
}

/** Of texts written before the clock runs: the first passes of a session, and of a strategy's code, are slower. */
const warmUpTokens = 32;
/** Settings that share one text of the base to be timed by. */
const settingsPerClock = 4;
/** Texts of the base beside a few settings. */
const leastClocks = 2;

export function createMeter(options: MeterOptions): Meter {
  const { prompts, which, make } = options;
  const base = options.temperatures.map((temperature): Writer => {
    return { strategy: autoregressive({ temperature, topK: options.topK }), written: new Map() };
  });
  const writers = new Map<string, Writer>();
  const warm = new Set<string>();
  const writerOf = (setting: TuneSetting): Writer => {
    const key = keyOf(setting);
    const own = writers.get(key) ?? { strategy: make(setting), written: new Map() };
    writers.set(key, own);
    return own;
  };
  return {
    async measure(settings, count) {
      for (const setting of settings) {
        const kind = [setting.strategy, setting.joint].join(" ");
        if (!warm.has(kind)) await warmUp([writerOf(setting), ...base.slice(0, 1)], options);
        warm.add(kind);
      }
      for (let prompt = 0; prompt < count; prompt++) {
        const waiting = settings.map(writerOf).filter(({ written }) => !written.has(prompt));
        if (waiting.length > 0) await takeTurns(waiting, { base, prompt, options });
      }
      const frontier = base.map((writer) => textsOf(writer, count));
      return settings.map((setting) => trialOf(setting, writerOf(setting), { frontier, prompts: which, count }));
    },
    frontier: () =>
      base.flatMap((writer, i) => {
        const { texts, variety } = textsOf(writer, prompts.length);
        const nats = texts.flatMap(({ logLikelihood }) => (logLikelihood === null ? [] : [-logLikelihood]));
        const [temperature = 0, value] = [options.temperatures[i], variety["distinct-2"]];
        return nats.length === 0 || typeof value !== "number"
          ? []
          : [{ temperature, nats: meanOf(nats), variety: value }];
      }),
  };
}

async function warmUp(writers: readonly Writer[], { model, prompts, signal }: MeterOptions): Promise<void> {
  const [prompt] = prompts as readonly [OpenPrompt];
  for (const { strategy } of writers)
    await writeTexts(model, { strategy, prompt }, { seeds: [0], maxNewTokens: warmUpTokens, signal });
}

interface Turns {
  readonly base: readonly Writer[];
  readonly prompt: number;
  readonly options: MeterOptions;
}

/** One prompt's texts of every setting, and between them, evenly, what the base has not written yet and what times them. */
async function takeTurns(settings: readonly Writer[], { base, prompt, options }: Turns): Promise<void> {
  const missing = base.filter(({ written }) => !written.has(prompt));
  const clocks = Math.max(leastClocks, Math.ceil(settings.length / settingsPerClock)) - missing.length;
  const others = [
    ...missing,
    ...Array.from({ length: Math.max(0, clocks) }, (_, i) => base[i % base.length] as Writer),
  ];
  const turns = interleave(settings, others);
  let clock: Timed = { seconds: 0, tokens: 0 };
  // Now from the front, now from the back: in a busy minute all are slow.
  for (const writer of prompt % 2 === 0 ? turns : turns.reverse()) {
    const timed = await write(writer, prompt, options);
    if (!settings.includes(writer)) clock = sumOf([clock, timed]);
  }
  for (const { written } of settings) {
    const own = written.get(prompt);
    if (own !== undefined) own.ratio = secondsPerToken(clock) / secondsPerToken(own);
  }
}

/** What was written to the prompt before is timed again, and stays: texts of one seed are the same. */
async function write(writer: Writer, prompt: number, options: MeterOptions): Promise<Timed> {
  const { model, prompts, signal, onWritten } = options;
  const asked = prompts[prompt] as OpenPrompt;
  const texts = await writeTexts(model, { strategy: writer.strategy, prompt: asked }, options);
  if (!writer.written.has(prompt)) {
    writer.written.set(prompt, await scored(model, texts, { prompt: asked, signal }));
    onWritten?.();
  }
  return timeOf(texts);
}

/** `others` spread evenly between `settings`. */
function interleave(settings: readonly Writer[], others: readonly Writer[]): Writer[] {
  const placed = [settings, others].flatMap((list) =>
    list.map((writer, i) => ({ writer, at: (i + 0.5) / list.length })),
  );
  return placed.sort((a, b) => a.at - b.at).map(({ writer }) => writer);
}
