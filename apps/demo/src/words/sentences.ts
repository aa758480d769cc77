/** What the page says of stages and patches. */

import type { Grid, TraceStage } from '@transprune/trace';
import type { Shown } from '../trace/shown.js';

export function stageSentence({ stages, imageTokens }: Shown, stage: number): string {
  const found = stages[stage - 1];
  if (!found) return `all ${imageTokens}, before anything is dropped`;
  return `${found.kept.length} of ${imageTokens}, after layer ${found.afterLayer}`;
}

export function placeOf(patch: number, { columns }: Grid): string {
  return `row ${Math.floor(patch / columns) + 1}, column ${(patch % columns) + 1}`;
}

/** Rank of a patch at a prune, from 1; undefined if it was dropped before. */
function rankOf({ candidates, scores }: TraceStage, patch: number): number | undefined {
  const own = scores[candidates.indexOf(patch)];
  return own === undefined ? undefined : 1 + scores.filter((score) => score > own).length;
}

export function patchSentence(stage: TraceStage | undefined, patch: number, grid: Grid): string {
  const place = placeOf(patch, grid);
  if (!stage) return place;
  const rank = rankOf(stage, patch) ?? 0;
  const fate = stage.kept.includes(patch) ? 'kept' : 'dropped';
  return `${place}: rank ${rank} of ${stage.candidates.length}, ${fate} after layer ${stage.afterLayer}`;
}
