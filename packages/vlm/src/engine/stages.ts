/** What the prunes of a prefill left. */
import { keptOutput, scoreOutput } from '@transprune/core';
import { type DecoderPorts, type HostTensor, numbersOf, type Session } from '@transprune/session';
import type { StageEvent } from './events.js';

/** Outputs that tell what was pruned, of those that the decoder has. */
export function traceOutputs({ outputs }: Pick<Session, 'outputs'>): string[] {
  const given = new Set(outputs.map(({ name }) => name));
  const found: string[] = [];
  for (let stage = 0; given.has(keptOutput(stage)); stage++) {
    found.push(keptOutput(stage));
    if (given.has(scoreOutput(stage))) found.push(scoreOutput(stage));
  }
  return found;
}

/**
 * The trace of a prefill of one row, stage by stage; empty if the decoder gives none.
 *
 * @param images for each token the number of its image, 0 at text
 */
export function stageEvents(
  trace: Readonly<Record<string, HostTensor>>,
  images: readonly number[],
): StageEvent[] {
  const imageIndex = new Map<number, number>();
  images.forEach((image, position) => {
    if (image !== 0) imageIndex.set(position, imageIndex.size);
  });
  const events: StageEvent[] = [];
  for (let stage = 0; ; stage++) {
    const positions = trace[keptOutput(stage)];
    if (!positions) return events;
    // Decoders for batches fill up shorter rows with -1.
    const kept = Array.from(positions.data, Number).filter((position) => position >= 0);
    const scores = trace[scoreOutput(stage)];
    events.push({
      type: 'stage',
      stage,
      kept,
      keptImageTokens: kept.flatMap((position) => imageIndex.get(position) ?? []),
      scores: scores ? Array.from(numbersOf(scores).data) : [],
    });
  }
}

/**
 * Image tokens that each prune left, from the lengths of the caches after it.
 *
 * @param added tokens that the prefill added to each attention layer's cache, by the order of the layers
 */
export function keptFromCaches(
  { keyCaches, state }: DecoderPorts,
  added: readonly number[],
  textTokens: number,
): number[] {
  const kept = new Map<number, number>();
  keyCaches.forEach(({ past }, at) => {
    const afterLayer = state.find(({ input }) => input === past)?.afterLayer;
    if (afterLayer !== undefined) kept.set(afterLayer, (added[at] ?? 0) - textTokens);
  });
  return [...kept].sort(([a], [b]) => a - b).map(([, count]) => count);
}
