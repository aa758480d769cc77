/**
 * What a node does to queries and keys before it multiplies them, as nodes beside it: a norm of each head, then the
 * rotation by positions.
 */
import type { Emitter } from '../../graph/emitter.js';
import type { AttentionReading } from '../decoder.js';

/**
 * Emits what is done to queries or keys `[batch, tokens, heads * head_dim]`.
 *
 * @param positions int64 `[batch, tokens]` or `[1]`; asked for where the node rotates
 */
export type Inside = (
  emitter: Emitter,
  x: string,
  of: 'queries' | 'keys',
  positions: () => string,
) => string;

/** @param constant gives a constant in the type of the queries and keys; left out, they have it */
export function emitInside(
  { shape, fusedNorms, fusedRotary }: AttentionReading,
  constant: (name: string) => string = (name) => name,
): Inside {
  const { heads, kvHeads, headDim } = shape;
  const tables = fusedRotary && [constant(fusedRotary.cos), constant(fusedRotary.sin)];
  return (emitter, x, of, positions) => {
    const { emit, int64 } = emitter;
    const count = of === 'queries' ? heads : kvHeads;
    return rotated(normed(x));

    function normed(own: string): string {
      if (!fusedNorms) return own;
      const apart = emit('Reshape', [own, int64([0, -1, headDim])]);
      const attributes = { axis: -1, epsilon: { float: fusedNorms.epsilon } };
      const norm = emit('SimplifiedLayerNormalization', [apart, constant(fusedNorms[of])], {
        attributes,
      });
      return emit('Reshape', [norm, int64([0, -1, count * headDim])]);
    }

    function rotated(own: string): string {
      if (!fusedRotary || !tables) return own;
      const { interleaved, rotated } = fusedRotary;
      return emit('RotaryEmbedding', [own, positions(), ...tables], {
        domain: 'com.microsoft',
        attributes: {
          interleaved: interleaved ? 1 : 0,
          num_heads: count,
          ...(rotated < headDim && { rotary_embedding_dim: rotated }),
        },
      });
    }
  };
}
