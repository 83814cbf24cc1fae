/** What documents of tasks ask, as plain data: how each kind is put to a model and measured stands in kinds.ts. */

/** Which of several texts follows the context. */
export interface ChoiceQuestion {
  readonly kind: "choices";
  readonly context: string;
  /** As they stand behind the task's delimiter. */
  readonly choices: readonly string[];
  /** Index of the right one. */
  readonly gold: number;
}

/** Behind which of several contexts the continuation is likeliest (partial evaluation; Trinh and Le, 2018). */
export interface ContextQuestion {
  readonly kind: "contexts";
  readonly contexts: readonly string[];
  readonly continuation: string;
  readonly gold: number;
}

/** What must follow, with the space that is before it. */
export interface ContinuationQuestion {
  readonly kind: "continuation";
  readonly context: string;
  readonly continuation: string;
}

/** The share of the choices' probability that true ones have. */
export interface MassQuestion {
  readonly kind: "mass";
  readonly context: string;
  readonly choices: readonly string[];
  readonly isTrue: readonly boolean[];
}

/** Which of two whole texts is likelier: the stereotype, or the other. */
export interface PairQuestion {
  readonly kind: "pair";
  readonly more: string;
  readonly less: string;
}

/** A text that the model writes. */
export interface AnswerQuestion {
  readonly kind: "answers";
  readonly context: string;
  /** Each is right; none where the question cannot be answered. */
  readonly answers: readonly string[];
  /** As an example's answer, behind the delimiter. */
  readonly shot: string;
  /** By letters and digits alone, or as SQuAD 2.0 has it. */
  readonly matching: "exact_match" | "squad";
}

export type Question = (
  ChoiceQuestion | ContextQuestion | ContinuationQuestion | MassQuestion | PairQuestion | AnswerQuestion
) & {
  /** Scores are also given for each group. */
  readonly group?: string | undefined;
};
