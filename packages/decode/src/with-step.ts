/** One strategy around another: for those who watch or change what its steps decide. */
import type { Strategy } from "@dynamo/core";
import { callback, checkValue, strategy as strategyCheck } from "@dynamo/core/options";

const stepCheck = callback<Strategy["step"]>();

/**
 * The strategy with another `step`, which may call the strategy's own; all else is the strategy's. Also for an instance of a class,
 * of which a spread object would have neither the methods nor the getters.
 */
export function withStep(strategy: Strategy, step: Strategy["step"]): Strategy {
  checkValue("strategy", strategy, strategyCheck);
  checkValue("step", step, stepCheck);
  const { name, heads, topK, drafts, lossless } = strategy;
  return {
    name,
    ...(heads === undefined ? {} : { heads }),
    ...(topK === undefined ? {} : { topK }),
    ...(drafts === undefined ? {} : { drafts }),
    ...(lossless === undefined ? {} : { lossless }),
    check: (model) => strategy.check?.(model),
    begin: (prompt) => strategy.begin?.(prompt),
    end: (state) => strategy.end?.(state),
    step,
  };
}
