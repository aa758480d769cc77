/** Logits beside a node that takes queries and keys and does the rest itself. */
import { attentionLogits, splitHeads } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import { toTheEnd } from '../../graph/sizes.js';
import type { AttentionReading, Heads } from '../decoder.js';
import type { LogitsSite } from './family.js';

/** Turns queries or keys `[batch, tokens, heads * head_dim]`, from a token on or all of them. */
export type Rotation = (x: string, heads: number, start?: string) => string;

/**
 * Emits logits of the rows that ask, by the core's formula.
 *
 * @param rotate left out where queries and keys are rotated before the node
 */
export function emitLogitsBeside(
  { queries, keys }: AttentionReading,
  { emitter, shape, pastKey, start, scored, asFloat }: LogitsSite,
  rotate: Rotation = (x) => x,
): string {
  const algebra = onnxAlgebra(emitter);
  const { heads, kvHeads, headDim } = shape;
  const take = ({ value, layout, columns }: Heads, count: number, first?: string) => {
    const whole = scored(value);
    const own = columns ? algebra.slice(whole, -1, columns[0], columns[1]) : whole;
    const axis = emitter.int64([layout === 'flat' ? 1 : 2]);
    const end = emitter.int64([toTheEnd]);
    const rows = first ? emitter.emit('Slice', [own, first, end, axis]) : own;
    const floats = asFloat(rows);
    if (layout === 'heads') return floats;
    return splitHeads(algebra, rotate(floats, count, first), count, headDim);
  };
  const asking = take(queries, heads, start);
  const added = take(keys, kvHeads);
  const all = pastKey === undefined ? added : algebra.concat([asFloat(pastKey), added], 2);
  return attentionLogits(algebra, asking, all, shape);
}
