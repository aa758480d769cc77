/** What the prunes of a prefill left. */
import { keptOutput, keptTokens, scoreOutput } from '@transprune/core';
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
  const events: StageEvent[] = [];
  for (let stage = 0; ; stage++) {
    const positions = trace[keptOutput(stage)];
    if (!positions) return events;
    const scores = trace[scoreOutput(stage)];
    events.push({
      type: 'stage',
      stage,
      ...keptTokens(positions.data, images),
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
