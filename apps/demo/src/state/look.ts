/** Moves through stages and patches. */

import type { TraceStage } from '@transprune/trace';
import { patchSentence, stageSentence } from '../words/sentences.js';
import { grid, patchCount } from './samples.js';
import { patch, pointed, scoredStage, shown, stage, status } from './store.js';

export function goToStage(next: number): void {
  const last = shown.value?.stages.length ?? 0;
  stage.value = Math.min(Math.max(next, 0), last);
  pointed.value = [];
  if (shown.value) status.value = stageSentence(shown.value, stage.value);
}

/** Looks at the patch with the largest score of a prune. */
export function lookAtBest({ candidates, scores }: TraceStage): void {
  lookAt(candidates[scores.indexOf(Math.max(...scores))] ?? 0);
}

/** @param isTold whether a screen reader is to hear of it */
export function lookAt(next: number, isTold = false): void {
  patch.value = Math.min(Math.max(next, 0), patchCount - 1);
  pointed.value = [];
  if (isTold) status.value = patchSentence(scoredStage.value, patch.value, grid);
}

/** Where an arrow key leads from a patch; undefined for other keys. */
export function patchAfterKey(key: string, from: number): number | undefined {
  const { columns, rows } = grid;
  const column = from % columns;
  const row = Math.floor(from / columns);
  switch (key) {
    case 'ArrowLeft':
      return row * columns + Math.max(0, column - 1);
    case 'ArrowRight':
      return row * columns + Math.min(columns - 1, column + 1);
    case 'ArrowUp':
      return Math.max(0, row - 1) * columns + column;
    case 'ArrowDown':
      return Math.min(rows - 1, row + 1) * columns + column;
    case 'Home':
      return row * columns;
    case 'End':
      return row * columns + columns - 1;
    default:
      return undefined;
  }
}
