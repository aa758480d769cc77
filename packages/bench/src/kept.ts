/** Which tokens a pruned decoder really keeps: what the oracle gathers without scoring. */
import { indicesAmong, keptOutput } from '@transprune/core';
import { DecoderSession, readAnswer, type Session } from '@transprune/session';
import { type PromptSizes, promptCall } from './prompt.js';

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
  const fetch = Array.from({ length: stages }, (_, stage) => keptOutput(stage));
  const decoder = new DecoderSession(traced, { cacheSizes: sizes });
  const { outputs } = await readAnswer(await decoder.prefill({ ...promptCall(sizes), fetch }));
  decoder.dispose();
  let before = Array.from({ length: sizes.imageTokens + sizes.textTokens }, (_, i) => i);
  return fetch.map((name) => {
    const kept = [...(outputs[name]?.data ?? [])];
    const indices = indicesAmong(before, kept);
    before = kept;
    return indices;
  });
}
