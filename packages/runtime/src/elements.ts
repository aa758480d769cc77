import type { ElementType } from './backend.js';

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
  return tensor.dims.reduce((count, size) => count * size, bytesPerElement[tensor.type]);
}
