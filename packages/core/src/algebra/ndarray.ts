import { TransPruneError } from '../errors.js';

/** A dense row-major array of float64 numbers. */
export interface NDArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Wraps numbers as an array; float32 and plain arrays are widened to float64.
 *
 * @throws TransPruneError INVALID_ARGUMENT if the number of elements does not fit the shape
 */
export function ndarray(values: ArrayLike<number>, shape: readonly number[]): NDArray {
  if (values.length !== elementCount(shape)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected ${elementCount(shape)} elements for shape [${shape.join(', ')}], got ${values.length}`,
    );
  }
  return { shape, data: values instanceof Float64Array ? values : Float64Array.from(values) };
}

/** Row-major strides of a shape, in elements. */
export function strides(shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    result[axis] = (result[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return result;
}

/**
 * Takes rows along one axis, in the given order.
 *
 * @param x `[..., size, ...]`
 * @returns `[..., indices.length, ...]`
 */
export function take(x: NDArray, axis: number, indices: readonly number[]): NDArray {
  const size = x.shape[axis] ?? 1;
  const inner = elementCount(x.shape.slice(axis + 1));
  const outer = elementCount(x.shape.slice(0, axis));
  const data = new Float64Array(outer * indices.length * inner);
  for (let o = 0; o < outer; o++) {
    indices.forEach((index, i) => {
      const from = (o * size + index) * inner;
      data.set(x.data.subarray(from, from + inner), (o * indices.length + i) * inner);
    });
  }
  return { shape: x.shape.map((n, a) => (a === axis ? indices.length : n)), data };
}
