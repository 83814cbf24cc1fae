/** `dynamo demo`: what `npm start` runs. A story, coloured by tokens per pass, how much faster it was, and how much is to be had without any loss. */
import { DynamoError, type Strategy } from "@dynamo/core";
import { autoregressive, dynamo, generate, verified, type GenerationResult } from "@dynamo/decode";
import { paint, paintError } from "../paint.js";
import { colourPass, legend } from "../colours.js";
import { openModel } from "../open-model.js";
import type { DemoOptions } from "../schemas/text.js";

export const defaultPrompt = "Once upon a time, there was a little dog who";

/** Tokens before the clock starts: whichever strategy ran first would pay for compiling the code that both run. */
const warmUpTokens = 480;

export async function demo(prompt: string | undefined, options: DemoOptions, signal: AbortSignal): Promise<void> {
  const text = prompt ?? defaultPrompt;
  const { model, name, close } = await openModel(undefined, options, signal);
  try {
    const strategy = dynamo({ temperature: options.temperature, backoff: options.backoff });
    const baseline = autoregressive({ temperature: options.temperature });
    const lossless = verified({ temperature: options.temperature });
    // Made before anything is printed: it checks the options, and runs when it is read.
    const generation = generate(model, text, {
      strategy,
      maxNewTokens: options.maxNewTokens,
      seed: options.seed,
      signal,
    });
    for (const each of [strategy, baseline, lossless])
      await generate(model, text, {
        strategy: each,
        maxNewTokens: warmUpTokens,
        seed: 0,
        stopAtEndOfText: false,
        signal,
      });
    console.log(
      paint.dim(
        `${name}, ${model.config.tokenHeads} token heads, ${model.dtype} on ${model.device.device}. Tokens per pass: `,
      ) + legend(model.config.tokenHeads),
    );
    process.stdout.write(`\n${paint.bold(text)}`);
    try {
      for await (const chunk of generation) process.stdout.write(colourPass(chunk.text, chunk.tokens.length));
    } finally {
      process.stdout.write("\n\n");
    }
    const result = await generation;
    console.log(paint.dim("measuring one token per pass, and verified: same model, same prompt …"));
    const again = async (other: Strategy): Promise<GenerationResult> =>
      generate(model, text, {
        strategy: other,
        maxNewTokens: Math.max(1, result.tokens.length),
        seed: result.seed,
        stopAtEndOfText: false,
        signal,
      });
    summarise(result, await again(baseline), await again(lossless));
  } catch (error) {
    if (DynamoError.is(error) && error.code === "aborted") console.error(paintError.dim("stopped"));
    throw error;
  } finally {
    await close();
  }
}

function summarise(
  { statistics, seed }: GenerationResult,
  baseline: GenerationResult,
  lossless: GenerationResult,
): void {
  const [reference, judged] = [baseline.statistics, lossless.statistics];
  const timesOf = (tokensPerSecond: number): string => `${(tokensPerSecond / reference.tokensPerSecond).toFixed(2)} ×`;
  const orders = Object.entries(statistics.orders).map(([order, passes]) => `${passes} × ${order}`);
  const rows: [string, string][] = [
    ["tokens", `${statistics.tokens}`],
    ["passes", `${statistics.passes} (${orders.join(", ")})`],
    ["tokens per pass", statistics.tokensPerPass.toFixed(2)],
    ["tokens/s", statistics.tokensPerSecond.toFixed(0)],
    ["one token per pass", `${reference.tokensPerSecond.toFixed(0)} tokens/s over ${reference.tokens} tokens`],
    ["speed-up", paint.bold(paint.green(timesOf(statistics.tokensPerSecond)))],
    [
      "verified",
      `${timesOf(judged.tokensPerSecond)} at ${judged.tokensPerPass.toFixed(2)} tokens per pass: loses nothing (--strategy verified)`,
    ],
    ["seed", String(seed)],
  ];
  for (const [label, value] of rows) console.log(`${paint.dim(label.padEnd(17))} ${value}`);
}
