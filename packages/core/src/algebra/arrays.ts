import { TransPruneError } from '../errors.js';
import type { TensorAlgebra } from './algebra.js';
import { elementCount, type NDArray, strides } from './ndarray.js';

/**
 * The reference reading of a formula: float64, one loop per operation, nothing clever. Every
 * backend is held against it.
 */
export const arrayAlgebra: TensorAlgebra<NDArray> = {
  constant: (value) => ({ shape: [], data: Float64Array.of(value) }),

  add: (a, b) => elementwise(a, b, (x, y) => x + y),
  subtract: (a, b) => elementwise(a, b, (x, y) => x - y),
  multiply: (a, b) => elementwise(a, b, (x, y) => x * y),
  divide: (a, b) => elementwise(a, b, (x, y) => x / y),
  abs: (x) => ({ shape: x.shape, data: x.data.map(Math.abs) }),
  negate: (x) => ({ shape: x.shape, data: x.data.map((v) => -v) }),
  tanh: (x) => ({ shape: x.shape, data: x.data.map(Math.tanh) }),

  sum: (x, axes, keepDims = false) => reduce(x, axes, keepDims, (values) => total(values)),
  mean: (x, axes, keepDims = false) =>
    reduce(x, axes, keepDims, (values) => total(values) / values.length),
  l2norm: (x, axes, keepDims = false) =>
    reduce(x, axes, keepDims, (values) => Math.sqrt(total(values.map((v) => v * v)))),

  softmax(x, axis) {
    // Shifting by the row's maximum changes nothing but the range of exp.
    const largest = reduce(x, [axis], true, (values) => Math.max(...values));
    const exponentials = elementwise(x, largest, (value, max) => Math.exp(value - max));
    return elementwise(
      exponentials,
      reduce(exponentials, [axis], true, total),
      (e, sum) => e / sum,
    );
  },

  matmul(a, b) {
    const [rows, shared] = lastTwo(a.shape);
    const [sharedB, columns] = lastTwo(b.shape);
    if (shared !== sharedB) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `matmul expects matching inner sizes, got [${a.shape.join(', ')}] and [${b.shape.join(', ')}]`,
      );
    }
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    const offsetsA = broadcastOffsets(a.shape.slice(0, -2), batch);
    const offsetsB = broadcastOffsets(b.shape.slice(0, -2), batch);
    const data = new Float64Array(elementCount(batch) * rows * columns);
    for (let n = 0; n < offsetsA.length; n++) {
      const baseA = (offsetsA[n] ?? 0) * rows * shared;
      const baseB = (offsetsB[n] ?? 0) * shared * columns;
      for (let i = 0; i < rows; i++) {
        const out = data.subarray((n * rows + i) * columns, (n * rows + i + 1) * columns);
        for (let k = 0; k < shared; k++) {
          const factor = a.data[baseA + i * shared + k] ?? 0;
          const row = b.data.subarray(baseB + k * columns, baseB + (k + 1) * columns);
          for (let j = 0; j < columns; j++) out[j] = (out[j] ?? 0) + factor * (row[j] ?? 0);
        }
      }
    }
    return { shape: [...batch, rows, columns], data };
  },

  transpose(x, order) {
    const shape = order.map((axis) => x.shape[axis] ?? 1);
    const from = strides(x.shape);
    const steps = order.map((axis) => from[axis] ?? 1);
    const data = new Float64Array(x.data.length);
    forEachIndex(shape, (index, position) => {
      data[position] = x.data[dot(index, steps)] ?? 0;
    });
    return { shape, data };
  },

  reshape(x, shape) {
    const copied = shape.map((size, axis) => (size === 0 ? (x.shape[axis] ?? 0) : size));
    const known = elementCount(copied.filter((size) => size !== -1));
    const resolved = copied.map((size) => (size === -1 ? x.data.length / known : size));
    if (!resolved.every(Number.isInteger) || elementCount(resolved) !== x.data.length) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `cannot reshape [${x.shape.join(', ')}] to [${shape.join(', ')}]`,
      );
    }
    return { shape: resolved, data: x.data };
  },

  slice(x, axis, start, end) {
    const at = normalizeAxis(axis, x.shape.length);
    const size = x.shape[at] ?? 1;
    const stop = Math.min(end, size);
    const length = Math.max(0, stop - start);
    const inner = elementCount(x.shape.slice(at + 1));
    const outer = elementCount(x.shape.slice(0, at));
    const data = new Float64Array(outer * length * inner);
    for (let o = 0; o < outer; o++) {
      const from = (o * size + start) * inner;
      data.set(x.data.subarray(from, from + length * inner), o * length * inner);
    }
    return { shape: x.shape.map((n, a) => (a === at ? length : n)), data };
  },

  concat(parts, axis) {
    const first = parts[0];
    if (first === undefined)
      throw new TransPruneError('INVALID_ARGUMENT', 'nothing to concatenate');
    const at = normalizeAxis(axis, first.shape.length);
    const outer = elementCount(first.shape.slice(0, at));
    const runs = parts.map((part) => elementCount(part.shape.slice(at)));
    const data = new Float64Array(outer * total(runs));
    let position = 0;
    for (let o = 0; o < outer; o++) {
      parts.forEach((part, i) => {
        const run = runs[i] ?? 0;
        data.set(part.data.subarray(o * run, (o + 1) * run), position);
        position += run;
      });
    }
    const joined = total(parts.map((part) => part.shape[at] ?? 0));
    return { shape: first.shape.map((n, a) => (a === at ? joined : n)), data };
  },
};

function total(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
}

function lastTwo(shape: readonly number[]): [number, number] {
  return [shape.at(-2) ?? 1, shape.at(-1) ?? 1];
}

function normalizeAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], position: number) => void,
): void {
  const index = new Array<number>(shape.length).fill(0);
  const count = elementCount(shape);
  for (let position = 0; position < count; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
}

function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const sizeA = a[i - rank + a.length] ?? 1;
    const sizeB = b[i - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new TransPruneError(
        'INVALID_ARGUMENT',
        `shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`,
      );
    }
    return sizeA === 1 ? sizeB : sizeA;
  });
}

/** For every element of `target`, where it is read from in an array of shape `shape`. */
function broadcastOffsets(shape: readonly number[], target: readonly number[]): number[] {
  const own = strides(shape);
  const lead = target.length - shape.length;
  const steps = target.map((_, i) => ((shape[i - lead] ?? 1) === 1 ? 0 : (own[i - lead] ?? 0)));
  const offsets: number[] = [];
  forEachIndex(target, (index) => offsets.push(dot(index, steps)));
  return offsets;
}

function elementwise(a: NDArray, b: NDArray, apply: (x: number, y: number) => number): NDArray {
  const shape = broadcastShapes(a.shape, b.shape);
  const fromA = broadcastOffsets(a.shape, shape);
  const fromB = broadcastOffsets(b.shape, shape);
  const data = new Float64Array(elementCount(shape));
  for (let i = 0; i < data.length; i++) {
    data[i] = apply(a.data[fromA[i] ?? 0] ?? 0, b.data[fromB[i] ?? 0] ?? 0);
  }
  return { shape, data };
}

function reduce(
  x: NDArray,
  axes: readonly number[],
  keepDims: boolean,
  combine: (values: readonly number[]) => number,
): NDArray {
  const dropped = new Set(axes.map((axis) => normalizeAxis(axis, x.shape.length)));
  const kept = x.shape.map((size, axis) => (dropped.has(axis) ? 1 : size));
  const target = strides(kept).map((step, axis) => (dropped.has(axis) ? 0 : step));
  const groups: number[][] = Array.from({ length: elementCount(kept) }, () => []);
  forEachIndex(x.shape, (index, position) => {
    groups[dot(index, target)]?.push(x.data[position] ?? 0);
  });
  const shape = keepDims ? kept : x.shape.filter((_, axis) => !dropped.has(axis));
  return { shape, data: Float64Array.from(groups, combine) };
}
