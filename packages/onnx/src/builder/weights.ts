import { type Checkpoint, type NDArray, TransPruneError, uniformNoise } from '@transprune/core';

/** Random biases are below this. */
const largestBias = 0.5;

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
  /** A vector of `size` numbers: the scale of a norm (`*.weight`) or a bias (`*.bias`). */
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
    linear: (names, inFeatures, outFeatures) =>
      sideBySide(
        inFeatures,
        outFeatures,
        (part, rows) => shaped(names[part] ?? '', [rows, inFeatures]).data,
      ),
    vector: (name, size) => Float32Array.from(shaped(name, [size]).data),
  };
}

/** Matrices `[out, in]` transposed and next to each other, `[in, sum(out)]`. */
function sideBySide(
  inFeatures: number,
  outFeatures: readonly number[],
  matrix: (part: number, rows: number) => ArrayLike<number>,
): Float32Array {
  const columns = outFeatures.reduce((sum, size) => sum + size, 0);
  const packed = new Float32Array(inFeatures * columns);
  let column = 0;
  outFeatures.forEach((rows, part) => {
    const data = matrix(part, rows);
    for (let o = 0; o < rows; o++, column++) {
      for (let i = 0; i < inFeatures; i++) {
        packed[i * columns + column] = data[o * inFeatures + i] ?? 0;
      }
    }
  });
  return packed;
}

/**
 * Random weights of a realistic scale: uniform with variance `1 / in` for linear maps, ones for norms,
 * biases up to 0.5. The same seed gives the same linear maps in the same order of calls.
 */
export function randomWeights(seed: number): WeightSource {
  let calls = 0;
  return {
    linear(_names, inFeatures, outFeatures) {
      const columns = outFeatures.reduce((sum, size) => sum + size, 0);
      return uniform(seed + calls++, inFeatures * columns, Math.sqrt(3 / inFeatures));
    },
    vector: (name, size) =>
      isBias(name)
        ? uniform(seedOf(name, seed), size, largestBias)
        : new Float32Array(size).fill(1),
  };
}

/**
 * Random weights that depend on seed and name alone, so that every layout of a decoder holds the same
 * ones: linear maps and biases as `randomWeights` has them, norms between 0.5 and 1.5.
 */
export function namedRandomWeights(seed: number): WeightSource {
  return {
    linear: (names, inFeatures, outFeatures) =>
      sideBySide(inFeatures, outFeatures, (part, rows) =>
        uniform(seedOf(names[part] ?? '', seed), rows * inFeatures, Math.sqrt(3 / inFeatures)),
      ),
    vector(name, size) {
      const values = uniform(seedOf(name, seed), size, 0.5);
      return isBias(name) ? values : values.map((value) => 1 + value);
    },
  };
}

function isBias(name: string): boolean {
  return name.endsWith('.bias');
}

function seedOf(name: string, seed: number): number {
  return [...name].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) >>> 0, seed);
}

/** Uniform numbers in `[-bound, bound)`. */
function uniform(seed: number, size: number, bound: number): Float32Array {
  const values = uniformNoise(seed, size);
  for (let i = 0; i < values.length; i++) values[i] = (2 * (values[i] ?? 0) - 1) * bound;
  return values;
}
