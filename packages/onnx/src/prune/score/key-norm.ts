/** Length of keys at a stage, in nodes: those of the layer after the prune, over every token that is still there. */
import { keyNorm, splitHeads } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import { asFloat, attentionAfter, type StageContext } from '../stage.js';
import { copyForScore } from './instruction-attention.js';

/** Mean length of each token's keys over the heads: float32 `[batch, tokens]`. */
export function emitKeyNorm(context: StageContext): string {
  const { emitter } = context;
  const algebra = onnxAlgebra(emitter);
  const { keys: read, shape } = attentionAfter(context).reading;
  const { value, layout, columns } = read;
  const { kvHeads, headDim } = shape;
  const whole = copyForScore(context, value);
  const own = columns ? algebra.slice(whole, -1, columns[0], columns[1]) : whole;
  const floats = asFloat(context, own);
  const keys = layout === 'heads' ? floats : splitHeads(algebra, floats, kvHeads, headDim);
  context.tapper?.keys(keys);
  return keyNorm(algebra, keys);
}
