/** Logits beside a node that takes queries and keys and does the rest itself. */
import { attentionLogits, splitHeads } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import { toTheEnd } from '../../graph/sizes.js';
import type { AttentionReading, Heads } from '../decoder.js';
import type { LogitsSite } from './family.js';

/**
 * What a node does to queries or keys `[batch, tokens, heads * head_dim]` before it multiplies them: norms, rotation.
 *
 * @param start the token that `x` starts with, int64 `[1]`; left out: the first
 */
export type Preparation = (x: string, of: 'queries' | 'keys', start?: string) => string;

/**
 * Emits logits of the rows that ask, by the core's formula.
 *
 * @param prepare left out where queries and keys are multiplied as they are
 */
export function emitLogitsBeside(
  { queries, keys, latent }: AttentionReading,
  { emitter, shape, pastKey, start, scored, asFloat }: LogitsSite,
  prepare: Preparation = (x) => x,
): string {
  const algebra = onnxAlgebra(emitter);
  const { heads, kvHeads, headDim } = shape;
  const take = (of: 'queries' | 'keys', { value, layout, columns }: Heads, first?: string) => {
    const whole = scored(value);
    const own = columns ? algebra.slice(whole, -1, columns[0], columns[1]) : whole;
    const axis = emitter.int64([layout === 'flat' ? 1 : 2]);
    const end = emitter.int64([toTheEnd]);
    const rows = first ? emitter.emit('Slice', [own, first, end, axis]) : own;
    const floats = asFloat(rows);
    if (layout === 'heads') return floats;
    const count = of === 'queries' ? heads : kvHeads;
    return splitHeads(algebra, prepare(floats, of, first), count, headDim);
  };
  const asking = take('queries', queries, start);
  const added = take('keys', keys);
  const isAll = pastKey === undefined || latent !== undefined;
  const all = isAll ? added : algebra.concat([asFloat(pastKey), added], 2);
  return attentionLogits(algebra, asking, all, shape);
}
