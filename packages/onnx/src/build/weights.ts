import { type Checkpoint, type NDArray, TransPruneError, uniformNoise } from '@transprune/core';

/** Where the builder takes a decoder's weights from; names are LLaMA's. */
export interface WeightSource {
  /**
   * Weights of linear maps that share their input, transposed and side by side.
   *
   * @returns row-major `[in, sum(out)]`
   */
  linear(
    names: readonly string[],
    inFeatures: number,
    outFeatures: readonly number[],
  ): Float32Array;
  /** A vector of `size` numbers, the scale of a norm. */
  vector(name: string, size: number): Float32Array;
}

/**
 * Weights of a checkpoint.
 *
 * @throws TransPruneError INVALID_MODEL if a tensor is missing or of another shape than the sizes say
 */
export function checkpointWeights(checkpoint: Checkpoint): WeightSource {
  const shaped = (name: string, shape: readonly number[]): NDArray => {
    const tensor = checkpoint.tensor(name);
    if (tensor.shape.join() !== shape.join()) {
      throw new TransPruneError(
        'INVALID_MODEL',
        `expected ${name} of shape [${shape.join(', ')}], got [${tensor.shape.join(', ')}]`,
        { name },
      );
    }
    return tensor;
  };
  return {
    linear(names, inFeatures, outFeatures) {
      const columns = outFeatures.reduce((sum, size) => sum + size, 0);
      const packed = new Float32Array(inFeatures * columns);
      let column = 0;
      names.forEach((name, part) => {
        const rows = outFeatures[part] ?? 0;
        const { data } = shaped(name, [rows, inFeatures]);
        for (let o = 0; o < rows; o++, column++) {
          for (let i = 0; i < inFeatures; i++) {
            packed[i * columns + column] = data[o * inFeatures + i] ?? 0;
          }
        }
      });
      return packed;
    },
    vector: (name, size) => Float32Array.from(shaped(name, [size]).data),
  };
}

/**
 * Random weights of a realistic scale: uniform with variance `1 / in` for linear maps, ones for norms.
 * The same seed gives the same weights in the same order of calls.
 */
export function randomWeights(seed: number): WeightSource {
  let calls = 0;
  return {
    linear(_names, inFeatures, outFeatures) {
      const columns = outFeatures.reduce((sum, size) => sum + size, 0);
      const bound = Math.sqrt(3 / inFeatures);
      const weights = uniformNoise(seed + calls++, inFeatures * columns);
      for (let i = 0; i < weights.length; i++) weights[i] = (2 * (weights[i] ?? 0) - 1) * bound;
      return weights;
    },
    vector: (_name, size) => new Float32Array(size).fill(1),
  };
}
