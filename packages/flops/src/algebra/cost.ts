/**
 * The counting reading of a formula: a tensor is only its shape, and every operation adds to a
 * tally. The score's formulas are written once, in core; what they cost is read off here.
 */
import { elementCount, type TensorAlgebra, TransPruneError } from '@transprune/core';

/** Sizes of a tensor, outermost first; `[]` is a number. */
export type Shape = readonly number[];

/**
 * What a formula costs.
 * - `multiplyAdds`: of matrix products
 * - `elementwise`: single operations on single elements; one addition, division, exponential,
 *   hyperbolic tangent or square root each counts 1
 */
export interface OperationCount {
  readonly multiplyAdds: number;
  readonly elementwise: number;
}

/** One number for both kinds: a multiply-add is two operations, so an elementwise one is half. */
export function inMultiplyAdds({ multiplyAdds, elementwise }: OperationCount): number {
  return multiplyAdds + elementwise / 2;
}

/** Subtract the largest, and find it; exponential; sum; divide. */
const softmaxOperations = 5;
/** Square and add. */
const squaredSumOperations = 2;

/**
 * An algebra over shapes together with its own tally.
 *
 * Counted per operation: elementwise ones 1 per element of the result; `sum` 1 per element of the
 * input; `mean` also 1 per element of the result; `l2norm` 2 per element of the input and 1 per
 * element of the result; `softmax` 5 per element (largest, subtract, exponential, sum, divide);
 * `matmul` one multiply-add per element of the result and step of the inner size. What only moves or
 * views data (`transpose`, `reshape`, `slice`, `concat`, `constant`) counts nothing.
 *
 * @throws TransPruneError INVALID_ARGUMENT from an operation whose shapes do not fit
 */
export function costAlgebra(): {
  readonly algebra: TensorAlgebra<Shape>;
  readonly count: () => OperationCount;
} {
  let multiplyAdds = 0;
  let elementwise = 0;
  const perElement = (shape: Shape, operations: number): Shape => {
    elementwise += operations * elementCount(shape);
    return shape;
  };
  const pairwise = (a: Shape, b: Shape) => perElement(broadcast(a, b), 1);

  const algebra: TensorAlgebra<Shape> = {
    constant: () => [],
    add: pairwise,
    subtract: pairwise,
    multiply: pairwise,
    divide: pairwise,
    abs: (x) => perElement(x, 1),
    negate: (x) => perElement(x, 1),
    tanh: (x) => perElement(x, 1),
    sum(x, axes, keepDims = false) {
      perElement(x, 1);
      return reduced(x, axes, keepDims);
    },
    mean(x, axes, keepDims = false) {
      perElement(x, 1);
      return perElement(reduced(x, axes, keepDims), 1);
    },
    l2norm(x, axes, keepDims = false) {
      perElement(x, squaredSumOperations);
      return perElement(reduced(x, axes, keepDims), 1);
    },
    softmax: (x) => perElement(x, softmaxOperations),
    matmul(a, b) {
      const inner = a.at(-1) ?? 1;
      if (a.length < 2 || b.length < 2 || inner !== b.at(-2)) fail('multiply as matrices', a, b);
      const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
      const shape = [...batch, a.at(-2) ?? 1, b.at(-1) ?? 1];
      multiplyAdds += elementCount(shape) * inner;
      return shape;
    },
    transpose: (x, order) => order.map((axis) => x[axis] ?? 1),
    reshape(x, shape) {
      const copied = shape.map((size, axis) => (size === 0 ? (x[axis] ?? 0) : size));
      const known = elementCount(copied.filter((size) => size !== -1));
      const resolved = copied.map((size) => (size === -1 ? elementCount(x) / known : size));
      if (!resolved.every(Number.isInteger) || elementCount(resolved) !== elementCount(x)) {
        fail('reshape into one another', x, shape);
      }
      return resolved;
    },
    slice(x, axis, start, end) {
      const at = axis < 0 ? axis + x.length : axis;
      return x.map((size, i) => (i === at ? Math.max(0, Math.min(end, size) - start) : size));
    },
    concat(parts, axis) {
      const first = parts[0] ?? [];
      const at = axis < 0 ? axis + first.length : axis;
      const joined = parts.reduce((sum, part) => sum + (part[at] ?? 0), 0);
      return first.map((size, i) => (i === at ? joined : size));
    },
  };
  return { algebra, count: () => ({ multiplyAdds, elementwise }) };
}

function reduced(x: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const dropped = new Set(axes.map((axis) => (axis < 0 ? axis + x.length : axis)));
  return keepDims
    ? x.map((size, axis) => (dropped.has(axis) ? 1 : size))
    : x.filter((_, axis) => !dropped.has(axis));
}

function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const sizeA = a[i - rank + a.length] ?? 1;
    const sizeB = b[i - rank + b.length] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) fail('broadcast', a, b);
    return sizeA === 1 ? sizeB : sizeA;
  });
}

function fail(what: string, a: Shape, b: Shape): never {
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected shapes that ${what}, got [${a.join(', ')}] and [${b.join(', ')}]`,
  );
}
