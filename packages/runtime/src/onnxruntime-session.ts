/** Sessions of onnxruntime, whose packages for Node, browsers and phones have one interface. */
import { TransPruneError } from '@transprune/core';
import { type InferenceSession, Tensor } from 'onnxruntime-common';
import type { ElementType, HostTensor, Session, SessionTensor, ValueInfo } from './backend.js';
import { elementsOf, isElementType } from './elements.js';

/** The onnxruntime tensor behind each tensor that a session gave out. */
const behind = new WeakMap<SessionTensor, Tensor>();

/**
 * Wraps an onnxruntime session.
 *
 * @param device its name in the backend
 * @throws TransPruneError UNSUPPORTED_MODEL for inputs or outputs of types that the contract has not
 */
export function onnxRuntimeSession(inner: InferenceSession, device: string): Session {
  const inputs = inner.inputMetadata.map(valueInfo);
  const outputs = inner.outputMetadata.map(valueInfo);
  let disposed = false;
  return {
    inputs,
    outputs,
    device,
    async run(feeds, fetch = inner.outputNames) {
      if (disposed) throw invalid('this session is disposed; open the model again');
      const missing = inputs.filter(({ name }) => !feeds[name]).map(({ name }) => name);
      if (missing.length > 0) throw invalid(`expected a tensor for ${missing.join(', ')}`);
      const fed = Object.fromEntries(
        inputs.flatMap(({ name }) => {
          const tensor = feeds[name];
          return tensor ? [[name, toOrt(name, tensor)]] : [];
        }),
      );
      const results = await inner.run(fed, fetch).catch((cause: unknown) => {
        const shapes = inputs.map(({ name }) => `${name} [${feeds[name]?.dims.join(', ')}]`);
        throw new TransPruneError(
          'RUN_FAILED',
          `the graph failed on ${shapes.join('; ')}: ${messageOf(cause)}`,
          {},
          { cause },
        );
      });
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [name, wrapTensor(tensor as Tensor)]),
      );
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      await inner.release();
    },
  };
}

function valueInfo(metadata: InferenceSession.ValueMetadata): ValueInfo {
  if (!metadata.isTensor || !isElementType(metadata.type)) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected ${metadata.name} to be a tensor of float32, float16, int64, int32 or bool, got ${metadata.isTensor ? metadata.type : 'no tensor'}`,
      { value: metadata.name },
    );
  }
  const { name, type, shape } = metadata;
  return { name, type, shape };
}

function wrapTensor(tensor: Tensor): SessionTensor {
  const type = tensor.type as ElementType;
  const dims = tensor.dims;
  const wrapped: SessionTensor = {
    type,
    dims,
    async download() {
      return { type, dims, data: elementsOf(type, (await tensor.getData()) as ArrayBufferView) };
    },
    dispose: () => tensor.dispose(),
  };
  behind.set(wrapped, tensor);
  return wrapped;
}

function toOrt(name: string, tensor: HostTensor | SessionTensor): Tensor {
  if ('data' in tensor) {
    const made = new Tensor(tensor.type, tensor.data as Float32Array, tensor.dims);
    // Where the engine has an array class for float16, the tensor holds it; the binding wants the bits.
    if (made.data !== tensor.data) Object.assign(made, { cpuData: tensor.data });
    return made;
  }
  const own = behind.get(tensor);
  if (!own) throw invalid(`the tensor for ${name} is of another backend; download it first`);
  return own;
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
