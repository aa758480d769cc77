/**
 * Tensors on their way between transformers.js and the backend contract. Nothing is copied.
 *
 * transformers.js feeds its sessions with onnxruntime's tensors, and wraps what comes out in its own
 * class by looking through the outputs for onnxruntime's, of which there may be several copies. So it
 * gets its own class right away, with nothing in it to be looked through.
 */
import { Tensor } from '@huggingface/transformers';
import { TransPruneError } from '@transprune/core';
import type { HostTensor, SessionTensor } from '@transprune/session';
import { elementsOf, isElementType } from '@transprune/session';

/** What transformers.js feeds to a session: what its tensors hold inside. */
export interface InnerTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayBufferView;
}

/** Stands inside a tensor for one of the session; transformers.js looks at its shape and disposes it. */
interface Handle {
  readonly type: string;
  readonly dims: readonly number[];
  readonly location: 'gpu-buffer';
  dispose(): void;
}

/** Which session tensor stands behind a handle. */
const behindHandle = new WeakMap<object, SessionTensor>();

/** A tensor that transformers.js can read. */
export function toTransformers({ type, dims, data }: HostTensor): Tensor {
  const tensor = new Tensor(type, data, [...dims]);
  return withInner(tensor, tensor.ort_tensor);
}

/**
 * A tensor whose elements transformers.js never reads, such as a cache on its way to the next step;
 * they stay where the session left them.
 */
export function toOpaque(tensor: SessionTensor): Tensor {
  const handle: Handle = {
    type: tensor.type,
    dims: [...tensor.dims],
    location: 'gpu-buffer',
    dispose: () => tensor.dispose(),
  };
  behindHandle.set(handle, tensor);
  return withInner(new Tensor('float32', new Float32Array(0), [0]), handle);
}

function withInner(tensor: Tensor, inner: object): Tensor {
  return Object.defineProperty(tensor, 'ort_tensor', {
    value: inner,
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
export function fromTransformers(inner: InnerTensor): HostTensor | SessionTensor {
  const known = behindHandle.get(inner);
  if (known) return known;
  const { type, dims, data } = inner;
  if (!isElementType(type)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected tensors of float32, float16, int64, int32 or bool between the model's parts, got ${type}`,
      { type },
    );
  }
  return { type, dims, data: elementsOf(type, data) };
}
