/** Which tokens a pruned decoder really keeps: what the oracle gathers without scoring. */
import { keptOutput } from '@transprune/core';
import type { Session } from '@transprune/session';
import { type PromptSizes, prefillFeeds } from './prompt.js';

/**
 * For each stage, indices of the survivors among the tokens before it.
 *
 * @param traced a pruned decoder with its trace
 */
export async function keptIndices(
  traced: Session,
  sizes: PromptSizes,
  stages: number,
): Promise<number[][]> {
  const names = Array.from({ length: stages }, (_, stage) => keptOutput(stage));
  const outputs = await traced.run(prefillFeeds(traced, sizes), names);
  let before = Array.from({ length: sizes.imageTokens + sizes.textTokens }, (_, i) => i);
  const indices: number[][] = [];
  for (const name of names) {
    const kept = await outputs[name]?.download();
    const positions = Array.from(kept?.data ?? [], Number);
    const indexOf = new Map(before.map((position, index) => [position, index]));
    indices.push(positions.map((position) => indexOf.get(position) ?? 0));
    before = positions;
  }
  return indices;
}
