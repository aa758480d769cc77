/** Tensors in memory from numbers, and numbers from tensors, whatever their element type. */
import { elementCount, float16Array, float16Value, type NDArray, ndarray } from '@transprune/core';
import type { ElementType, HostTensor, SessionTensor } from '../backend.js';

/** A tensor of numbers, in an element type. */
export function hostTensor(
  type: ElementType,
  values: ArrayLike<number>,
  dims: readonly number[],
): HostTensor {
  switch (type) {
    case 'float32':
      return { type, dims, data: Float32Array.from(values) };
    case 'float16':
      return { type, dims, data: float16Array(values) };
    case 'int64':
      return { type, dims, data: BigInt64Array.from(Array.from(values), BigInt) };
    case 'int32':
      return { type, dims, data: Int32Array.from(values) };
    case 'bool':
      return { type, dims, data: Uint8Array.from(values) };
  }
}

/** A tensor whose elements are all 0. */
export function zeros(type: ElementType, dims: readonly number[]): HostTensor {
  const length = elementCount(dims);
  switch (type) {
    case 'float32':
      return { type, dims, data: new Float32Array(length) };
    case 'float16':
      return { type, dims, data: new Uint16Array(length) };
    case 'int64':
      return { type, dims, data: new BigInt64Array(length) };
    case 'int32':
      return { type, dims, data: new Int32Array(length) };
    case 'bool':
      return { type, dims, data: new Uint8Array(length) };
  }
}

/** The tensor in another element type; as it is where that is its own or its elements are elsewhere. */
export function withType(
  tensor: HostTensor | SessionTensor,
  type: ElementType,
): HostTensor | SessionTensor {
  if (tensor.type === type || !('data' in tensor)) return tensor;
  return hostTensor(type, numbersOf(tensor).data, tensor.dims);
}

/** The elements of a tensor in memory as numbers. */
export function numbersOf({ type, dims, data }: HostTensor): NDArray {
  const value = type === 'float16' ? float16Value : (x: number) => x;
  return ndarray(
    Float64Array.from(data as ArrayLike<number | bigint>, (x) => value(Number(x))),
    [...dims],
  );
}

/** Brings the elements of a tensor as numbers; the tensor stays the caller's. */
export async function readNumbers(tensor: HostTensor | SessionTensor): Promise<NDArray> {
  return numbersOf('data' in tensor ? tensor : await tensor.download());
}
