/**
 * Tensors on their way between transformers.js and the backend contract. Nothing is copied.
 *
 * transformers.js feeds its sessions with onnxruntime's tensors, and wraps what comes out in its own
 * class by looking through the outputs for onnxruntime's, of which there may be several copies. So it
 * gets its own class right away, with nothing in it to be looked through.
 */
import { Tensor } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import { elementsOf, type HostTensor, isElementType } from '@transprune/session';

/** What transformers.js feeds to a session: what its tensors hold inside. */
export interface InnerTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
}

/** A tensor that transformers.js can read. */
export function toTransformers({ type, dims, data }: HostTensor): Tensor {
  const tensor = new Tensor(type, data, [...dims]);
  return Object.defineProperty(tensor, 'ort_tensor', {
    value: tensor.ort_tensor,
    enumerable: false,
    writable: true,
    configurable: true,
  });
}

/**
 * A tensor of transformers.js as the contract has it.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for an element type outside the contract
 */
export function fromTransformers({ type, dims, data }: InnerTensor): HostTensor {
  if (!isElementType(type)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected tensors of float32, float16, int64, int32 or bool between the model's parts, got ${type}`,
      { type },
    );
  }
  return { type, dims, data: elementsOf(type, data) };
}

/** Token ids as a tensor `[1, tokens]`. */
export function idsTensor(ids: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
}

/** Token ids out of a tensor `[1, tokens]`. */
export function idsOf({ data }: Tensor): number[] {
  return Array.from(data as BigInt64Array, Number);
}
