/** What the parts of the study share. */
import type { Asking, Right } from './answers/ask.js';
import type { HeldOut, StudyQuestion } from './questions/held-out.js';
import type { Costing } from './variants/costs.js';
import type { Setting } from './variants/methods.js';
import type { Variant } from './variants/variant.js';

/** How much is asked. */
export interface Extent {
  /** Questions that every method is asked. */
  readonly questions: number;
  /** Random choices that each row of a random one is the mean of. */
  readonly masks: number;
  /** Pictures whose tokens are looked at, layer by layer. */
  readonly pictures: number;
  readonly conversations: number;
  /** Schedules that each method may choose from, at most. */
  readonly schedules: number;
  /** Rounds that are timed. */
  readonly rounds: number;
}

/** What two cores ask in three quarters of an hour. */
export const whole: Extent = {
  ...{ questions: 400, masks: 3, pictures: 60, conversations: 80, schedules: 100, rounds: 24 },
};

/** A few questions of everything, to see that it runs. */
export const quick: Extent = {
  ...{ questions: 5, masks: 2, pictures: 1, conversations: 1, schedules: 2, rounds: 2 },
};

export interface Study {
  readonly asking: Asking;
  readonly extent: Extent;
  readonly heldOut: HeldOut;
  readonly costing: Costing;
  readonly settings: readonly Setting[];
  /** Those that are asked, of `unseen`. */
  readonly questions: readonly StudyQuestion[];
  /** All that may be asked. */
  readonly unseen: readonly StudyQuestion[];
}

/** How a variant did. */
export interface Result {
  readonly name: string;
  readonly family: string;
  readonly variant: Variant;
  /** Of the unpruned prefill. */
  readonly cost: number;
  /** Right answers of each of its random choices; of a variant without any, one. */
  readonly masks: readonly Right[];
}

/** Points of a result at some questions, in their order: the share of its random choices that answered right. */
export const answersTo = (
  { masks }: Pick<Result, 'masks'>,
  questions: readonly StudyQuestion[],
): number[] =>
  questions.map(({ id }) => masks.filter((right) => right.get(id)).length / masks.length);
