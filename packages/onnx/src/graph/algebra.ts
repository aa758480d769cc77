/**
 * The product reading of a formula: every operation becomes a node. A tensor is the name of its
 * value in the graph.
 */
import type { TensorAlgebra } from '@transprune/core';
import type { Emitter } from './emitter.js';

/** From this operator set on, ReduceMean and ReduceL2 take their axes as an input. */
const axesAsInput = 18;

/** Reads formulas as nodes of the emitter's graph, in float32. */
export function onnxAlgebra(emitter: Emitter): TensorAlgebra<string> {
  const { emit } = emitter;
  const reduce = (opType: string, x: string, axes: readonly number[], keepDims: boolean) => {
    const keepdims = keepDims ? 1 : 0;
    return opType === 'ReduceSum' || emitter.opset >= axesAsInput
      ? emit(opType, [x, emitter.int64(axes)], { attributes: { keepdims } })
      : emit(opType, [x], { attributes: { keepdims, axes } });
  };
  return {
    constant: (value) => emitter.float(value),
    add: (a, b) => emit('Add', [a, b]),
    subtract: (a, b) => emit('Sub', [a, b]),
    multiply: (a, b) => emit('Mul', [a, b]),
    divide: (a, b) => emit('Div', [a, b]),
    abs: (x) => emit('Abs', [x]),
    negate: (x) => emit('Neg', [x]),
    tanh: (x) => emit('Tanh', [x]),
    sum: (x, axes, keepDims = false) => reduce('ReduceSum', x, axes, keepDims),
    mean: (x, axes, keepDims = false) => reduce('ReduceMean', x, axes, keepDims),
    l2norm: (x, axes, keepDims = false) => reduce('ReduceL2', x, axes, keepDims),
    softmax: (x, axis) => emit('Softmax', [x], { attributes: { axis } }),
    matmul: (a, b) => emit('MatMul', [a, b]),
    transpose: (x, order) => emit('Transpose', [x], { attributes: { perm: order } }),
    reshape: (x, shape) => emit('Reshape', [x, emitter.int64(shape)]),
    slice: (x, axis, start, end) =>
      emit('Slice', [x, emitter.int64([start]), emitter.int64([end]), emitter.int64([axis])]),
    concat: (parts, axis) => emit('Concat', parts, { attributes: { axis } }),
  };
}
