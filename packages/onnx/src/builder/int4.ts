/**
 * Weights of 4 bits as `com.microsoft.MatMulNBits` wants them: blocks along the input features, each
 * with a scale, numbers from -8 to 7 stored with 8 added.
 */
import type { WeightSource } from './weights.js';

/** Input features that share a scale. */
export const int4BlockSize = 32;

const zeroPoint = 8;

/** A quantized matrix; blocks are counted from a column's first row, the last one padded. */
export interface Int4Matrix {
  /** `[out, blocks, 16]`, two numbers a byte, the first in the low bits. */
  readonly packed: Uint8Array;
  /** `[out, blocks]` */
  readonly scales: Float32Array;
  /** Blocks of a column. */
  readonly blocks: number;
}

/**
 * Quantizes symmetrically: the number of largest size in a block becomes -8.
 *
 * @param weights row-major `[in, out]`
 */
export function quantizeInt4(weights: Float32Array, inFeatures: number): Int4Matrix {
  const columns = weights.length / inFeatures;
  const blocks = Math.ceil(inFeatures / int4BlockSize);
  const packed = new Uint8Array((columns * blocks * int4BlockSize) / 2).fill(
    zeroPoint | (zeroPoint << 4),
  );
  const scales = new Float32Array(columns * blocks);
  for (let at = 0; at < scales.length; at++) {
    const column = Math.floor(at / blocks);
    const first = (at % blocks) * int4BlockSize;
    const count = Math.min(int4BlockSize, inFeatures - first);
    const weight = (i: number) => weights[(first + i) * columns + column] ?? 0;
    let extreme = 0;
    for (let i = 0; i < count; i++) {
      if (Math.abs(weight(i)) > Math.abs(extreme)) extreme = weight(i);
    }
    const scale = Math.fround(extreme / -zeroPoint);
    scales[at] = scale;
    for (let i = 0; i < count; i++) {
      const steps = scale === 0 ? 0 : Math.round(weight(i) / scale);
      const stored = Math.min(15, Math.max(0, steps + zeroPoint));
      const byte = (at * int4BlockSize + i) >> 1;
      const old = packed[byte] ?? 0;
      packed[byte] = i % 2 === 0 ? (old & 0xf0) | stored : (old & 0x0f) | (stored << 4);
    }
  }
  return { packed, scales, blocks };
}

/** The matrix that a quantized one stands for, row-major `[in, out]`. */
export function dequantizeInt4(matrix: Int4Matrix, inFeatures: number): Float32Array {
  const { packed, scales, blocks } = matrix;
  const columns = scales.length / blocks;
  return Float32Array.from({ length: inFeatures * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const index = column * blocks * int4BlockSize + row;
    const stored = ((packed[index >> 1] ?? 0) >> (4 * (index % 2))) & 15;
    const scale = scales[column * blocks + Math.floor(row / int4BlockSize)] ?? 0;
    return (stored - zeroPoint) * scale;
  });
}

/** The same weights after a way through int4: what a quantized decoder computes with. */
export function int4Rounded(weights: WeightSource): WeightSource {
  return {
    linear(names, inFeatures, outFeatures) {
      const matrix = quantizeInt4(weights.linear(names, inFeatures, outFeatures), inFeatures);
      return dequantizeInt4(matrix, inFeatures);
    },
    vector: (name, size) => weights.vector(name, size),
  };
}
