/**
 * The few tensor operations that every score is made of. A formula written over this interface is
 * read three times: on float64 arrays (the reference), as ONNX nodes (the product) and as a count
 * of operations (the accounting).
 *
 * Shapes broadcast from the right as in NumPy. Axes may be negative. `T` is whatever a reading
 * needs to stand for a tensor: an array, a value name, a shape.
 */
export interface TensorAlgebra<T> {
  /** A number, broadcast to whatever it meets. */
  constant(value: number): T;

  add(a: T, b: T): T;
  subtract(a: T, b: T): T;
  multiply(a: T, b: T): T;
  divide(a: T, b: T): T;
  abs(x: T): T;
  negate(x: T): T;
  tanh(x: T): T;

  /** Sum over `axes`; they stay as size 1 if `keepDims`, else they are dropped. */
  sum(x: T, axes: readonly number[], keepDims?: boolean): T;
  /** Arithmetic mean over `axes`; they stay as size 1 if `keepDims`, else they are dropped. */
  mean(x: T, axes: readonly number[], keepDims?: boolean): T;
  /** Euclidean norm over `axes`; they stay as size 1 if `keepDims`, else they are dropped. */
  l2norm(x: T, axes: readonly number[], keepDims?: boolean): T;
  /** exp(x) / sum(exp(x)) over one axis. */
  softmax(x: T, axis: number): T;

  /** Matrix product of the last two axes, the others broadcast. */
  matmul(a: T, b: T): T;
  /** Reorders axes: axis `i` of the result is axis `order[i]` of `x`. */
  transpose(x: T, order: readonly number[]): T;
  /** New shape of the same elements: 0 copies the axis at that place, one -1 is inferred. */
  reshape(x: T, shape: readonly number[]): T;
  /** Elements `start` (included) to `end` (excluded) along one axis. */
  slice(x: T, axis: number, start: number, end: number): T;
  /** Joins tensors along one axis. */
  concat(parts: readonly T[], axis: number): T;
}
