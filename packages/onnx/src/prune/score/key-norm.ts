/** Length of keys at a stage, in nodes: those of the layer after the prune, over every token that is still there. */
import { keyNorm, splitHeads } from '@transprune/core';
import { onnxAlgebra } from '../../graph/algebra.js';
import { toTheEnd } from '../../graph/sizes.js';
import { asFloat, attentionAfter, type StageContext } from '../stage.js';
import { copyForScore, emitPastLength } from './instruction-attention.js';

/** Mean length of each token's keys over the heads: float32 `[batch, tokens]`. */
export function emitKeyNorm(context: StageContext): string {
  const { emitter } = context;
  const algebra = onnxAlgebra(emitter);
  const { keys: read, shape, latent } = attentionAfter(context).reading;
  const { value, layout, columns } = read;
  const { kvHeads, headDim } = shape;
  const whole = copyForScore(context, value);
  const own = columns ? algebra.slice(whole, -1, columns[0], columns[1]) : whole;
  const floats = asFloat(context, own);
  const inHeads = () =>
    layout === 'transposed'
      ? algebra.transpose(floats, [0, 1, 3, 2])
      : layout === 'heads'
        ? floats
        : splitHeads(algebra, floats, kvHeads, headDim);
  // Keys of latents come with those of the cache in front.
  const past = latent ? emitPastLength(context) : undefined;
  const from = past && [past, emitter.int64([toTheEnd]), emitter.int64([2])];
  const keys = from ? emitter.emit('Slice', [inHeads(), ...from]) : inHeads();
  context.tapper?.keys(keys);
  return keyNorm(algebra, keys);
}
