/** Stages of a trace, from what an engine tells about them. */
import type { PrunePlan } from '@transprune/core';
import type { ScoreParts, TraceStage } from '@transprune/trace';
import type { StageEvent } from '@transprune/vlm';

/** What an engine told of a prompt: its stages, and where its image tokens are. */
export interface PromptStages {
  readonly events: readonly StageEvent[];
  /** Ascending. */
  readonly imagePositions: readonly number[];
}

/**
 * @param transitions for each stage the accumulated transition of the tokens before it, where it is known
 */
export function traceStages(
  plan: PrunePlan,
  { events, imagePositions }: PromptStages,
  transitions: readonly (ArrayLike<number> | undefined)[] = [],
): TraceStage[] {
  const imageIndex = new Map(imagePositions.map((position, index) => [position, index]));
  return events.map(({ stage, scores, keptImageTokens }) => {
    const before = events[stage - 1]?.kept ?? scores.map((_, position) => position);
    const rows = before.flatMap((position, row) => {
      const index = imageIndex.get(position);
      return index === undefined ? [] : [{ row, index }];
    });
    const own = (values: ArrayLike<number>) => rows.map(({ row }) => values[row] ?? 0);
    const { afterLayer = 0, keepRatio = 1 } = plan.stages[stage] ?? {};
    const transition = transitions[stage];
    return {
      afterLayer,
      keepRatio,
      candidates: rows.map(({ index }) => index),
      kept: keptImageTokens,
      scores: own(scores),
      parts: transition && scoreParts(own(scores), own(transition)),
    };
  });
}

/** The method's score is the sum of two shares; one of them is known. */
function scoreParts(scores: readonly number[], transitions: readonly number[]): ScoreParts {
  const all = transitions.reduce((sum, value) => sum + value, 1e-8);
  const transition = transitions.map((value) => value / all);
  return {
    transition,
    instruction: scores.map((score, at) => Math.max(0, score - (transition[at] ?? 0))),
  };
}
