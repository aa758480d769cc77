/** Who answers, as a report tells it. */
import type { PrunePlan } from '@transprune/core';

export interface Respondent {
  readonly model: string;
  /** Where the model is pruned here, or by workers as this run says. */
  readonly pruned?: { readonly plan: PrunePlan; readonly label: string } | undefined;
  /** Where it runs. */
  readonly place: string;
}
