import { elementCount } from '@transprune/core';
import type { ElementType, HostTensor, SessionTensor, TensorData } from './backend.js';

/** Bytes that one element takes. */
const bytesPerElement: Readonly<Record<ElementType, number>> = {
  float32: 4,
  float16: 2,
  int64: 8,
  int32: 4,
  bool: 1,
};

/** True for the names of the element types that cross the backend contract. */
export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(bytesPerElement, name);
}

/** Size in bytes of a tensor's elements. */
export function tensorBytes(tensor: {
  readonly type: ElementType;
  readonly dims: readonly number[];
}): number {
  return elementCount(tensor.dims) * bytesPerElement[tensor.type];
}

/** Brings the elements of a tensor that nothing else needs, and frees it. */
export async function takeElements(tensor: SessionTensor): Promise<HostTensor> {
  try {
    return await tensor.download();
  } finally {
    tensor.dispose();
  }
}

/** Brings the elements of all tensors that a run gave, and frees them. */
export async function takeAll(
  tensors: Readonly<Record<string, SessionTensor>>,
): Promise<Record<string, HostTensor>> {
  const taken = Object.entries(tensors).map(
    async ([name, tensor]) => [name, await takeElements(tensor)] as const,
  );
  return Object.fromEntries(await Promise.all(taken));
}

/**
 * A tensor's elements in the array class that the contract has for them: newer engines hand out
 * float16 as a class of its own, where the contract has the bits. Nothing is copied.
 */
export function elementsOf<Type extends ElementType>(
  type: Type,
  data: ArrayBufferView,
): TensorData[Type] {
  const bits =
    type === 'float16' && !(data instanceof Uint16Array)
      ? new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2)
      : data;
  return bits as TensorData[Type];
}
