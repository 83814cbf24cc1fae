/** How each kind of question is put to a model, shown as an example, and measured: as lm-evaluation-harness does. */
import type { Continuation, ContinuationScore } from "../../log-likelihood.js";
import { exactMatch, squadMetrics } from "../answers.js";
import { choiceMetrics, pairMetrics, trueMass, type Metrics } from "../metrics.js";
import type { Question } from "../question.js";

export interface Asked {
  /** To be scored. */
  readonly requests: readonly Continuation[];
  /** To be continued by the model. */
  readonly prompt?: string;
}

export interface Outcome {
  /** Of the requests, in their order. */
  readonly scores: readonly ContinuationScore[];
  readonly written: string;
}

interface Kind<Of extends Question> {
  /** `preamble` is what stands before the question: a description, examples. */
  ask(question: Of, preamble: string, delimiter: string): Asked;
  /** With its right answer, as an example. */
  show(question: Of, delimiter: string): string;
  metricsOf(question: Of, outcome: Outcome): Metrics;
}

type Kinds = { readonly [Name in Question["kind"]]: Kind<Extract<Question, { kind: Name }>> };

const nats = ({ scores }: Outcome): number[] => scores.map(({ logLikelihood }) => logLikelihood);

/** Behind the prompt, its likelihood is how sure the model is that there is no answer. */
const unanswerable = " unanswerable";

const kinds: Kinds = {
  choices: {
    ask: ({ context, choices }, preamble, delimiter) => ({
      requests: choices.map((choice) => ({ context: preamble + context, continuation: delimiter + choice })),
    }),
    show: ({ context, choices, gold }, delimiter) => context + delimiter + (choices[gold] ?? ""),
    metricsOf: ({ choices, gold }, outcome) => choiceMetrics(nats(outcome), choices, gold),
  },
  contexts: {
    ask: ({ contexts, continuation }, preamble, delimiter) => ({
      requests: contexts.map((context) => ({ context: preamble + context, continuation: delimiter + continuation })),
    }),
    show: ({ contexts, continuation, gold }, delimiter) => (contexts[gold] ?? "") + delimiter + continuation,
    metricsOf: ({ contexts, gold }, outcome) => {
      const { acc = 0 } = choiceMetrics(nats(outcome), contexts, gold);
      return { acc };
    },
  },
  continuation: {
    ask: ({ context, continuation }, preamble) => ({ requests: [{ context: preamble + context, continuation }] }),
    show: ({ context, continuation }, delimiter) => context + delimiter + continuation,
    metricsOf: (_, { scores: [score] }) => ({
      // The mean's exponent is taken at the end, over all documents.
      perplexity: score?.logLikelihood ?? NaN,
      acc: Number(score?.greedy),
    }),
  },
  mass: {
    ask: ({ context, choices }, preamble, delimiter) => ({
      requests: choices.map((choice) => ({ context: preamble + context, continuation: delimiter + choice })),
    }),
    show: ({ context, choices }, delimiter) => context + delimiter + (choices[0] ?? ""),
    metricsOf: ({ isTrue }, outcome) => trueMass(nats(outcome), isTrue),
  },
  pair: {
    ask: ({ more, less }, preamble) => ({
      requests: [more, less].map((continuation) => ({ context: preamble, continuation })),
    }),
    show: ({ more }) => more,
    metricsOf: (_, outcome) => {
      const [more = NaN, less = NaN] = nats(outcome);
      return pairMetrics(more, less);
    },
  },
  answers: {
    ask({ context, matching }, preamble) {
      const prompt = preamble + context;
      return { prompt, requests: matching === "squad" ? [{ context: prompt, continuation: unanswerable }] : [] };
    },
    show: ({ context, shot }, delimiter) => context + delimiter + shot,
    metricsOf({ answers, matching }, { written, scores: [score] }) {
      if (matching === "exact_match") return { exact_match: exactMatch(written, answers) };
      return { ...squadMetrics(written, answers), noAnswer: Math.exp(score?.logLikelihood ?? NaN) };
    },
  },
};

/** The table has for each kind what takes its questions. */
const kindOf = ({ kind }: Question): Kind<Question> => kinds[kind];

export const askQuestion = (question: Question, preamble: string, delimiter: string): Asked =>
  kindOf(question).ask(question, preamble, delimiter);

export const showQuestion = (question: Question, delimiter: string): string =>
  kindOf(question).show(question, delimiter);

export const questionMetrics = (question: Question, outcome: Outcome): Metrics =>
  kindOf(question).metricsOf(question, outcome);
