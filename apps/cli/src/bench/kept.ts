/** Which tokens a pruned decoder really keeps: what the oracle gathers without scoring. */
import { keptOutput } from '@transprune/core';
import { DecoderSession, readNumbers, type Session } from '@transprune/session';
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
  const { logits, outputs } = await decoder.prefill({ ...promptCall(sizes), fetch });
  let before = Array.from({ length: sizes.imageTokens + sizes.textTokens }, (_, i) => i);
  const indices: number[][] = [];
  for (const name of fetch) {
    const tensor = outputs[name];
    const positions = tensor ? [...(await readNumbers(tensor)).data] : [];
    const indexOf = new Map(before.map((position, index) => [position, index]));
    indices.push(positions.map((position) => indexOf.get(position) ?? 0));
    before = positions;
  }
  for (const tensor of [logits, ...Object.values(outputs)]) tensor.dispose();
  decoder.dispose();
  return indices;
}
