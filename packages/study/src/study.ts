/** What the parts of the study share. */
import type { Asking, Right } from './answers/ask.js';
import type { HeldOut, StudyQuestion } from './questions/held-out.js';
import type { Costing } from './variants/costs.js';
import type { Setting } from './variants/methods.js';
import type { Variant } from './variants/variant.js';

/** How much is asked. */
export interface Extent {
  /** Questions that the main comparison asks. */
  readonly questions: number;
  /** Questions of all other comparisons. */
  readonly sample: number;
  /** Pictures whose tokens are looked at, layer by layer. */
  readonly pictures: number;
  readonly conversations: number;
  /** Schedules that each method may choose from, at most. */
  readonly schedules: number;
  /** Rounds that are timed. */
  readonly rounds: number;
}

/** What two cores ask in half an hour. */
export const whole: Extent = {
  ...{ questions: 240, sample: 80, pictures: 60, conversations: 80, schedules: 100, rounds: 24 },
};

/** A question of every kind, fewer where methods are many, to see that it runs. */
export const quick: Extent = {
  ...{ questions: 9, sample: 3, pictures: 2, conversations: 1, schedules: 2, rounds: 2 },
};

export interface Study {
  readonly asking: Asking;
  readonly extent: Extent;
  readonly heldOut: HeldOut;
  readonly costing: Costing;
  readonly settings: readonly Setting[];
  /** Of the main comparison. */
  readonly questions: readonly StudyQuestion[];
  /** Of all others; among those of the main comparison. */
  readonly sample: readonly StudyQuestion[];
}

/** How a variant did. */
export interface Result {
  readonly name: string;
  readonly family: string;
  readonly variant: Variant;
  /** Of the unpruned prefill. */
  readonly cost: number;
  readonly right: Right;
}

/** Answers of a result to some questions, in their order. */
export const answersTo = ({ right }: Pick<Result, 'right'>, questions: readonly StudyQuestion[]) =>
  questions.map(({ id }) => right.get(id) ?? false);
