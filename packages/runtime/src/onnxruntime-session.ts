/** Sessions of onnxruntime, whose packages for Node, browsers and phones have one interface. */
import { TransPruneError } from '@transprune/core';
import { type InferenceSession, Tensor } from 'onnxruntime-common';
import type {
  ElementType,
  HostTensor,
  ModelSource,
  Session,
  SessionTensor,
  Unavailable,
  ValueInfo,
} from './backend.js';
import { elementsOf, isElementType } from './elements.js';

/** The onnxruntime tensor behind each tensor that a session gave out. */
const behind = new WeakMap<SessionTensor, Tensor>();

/** What is opened, and how. */
export interface OnnxRuntimeRequest {
  readonly model: ModelSource;
  /** Its name in the backend. */
  readonly device: string;
  /** True for the device that serves every model: what it refuses is the model's fault. */
  readonly servesAll: boolean;
  readonly create: () => Promise<InferenceSession>;
  /** Throws what is wrong with a model that was not opened, as far as it knows better than onnxruntime. */
  readonly check: () => Promise<void>;
}

/**
 * Opens a session of onnxruntime as one of the contract's.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a graph that no device can run, or inputs and outputs of
 *   types that the contract has not; what `check` throws
 */
export async function openOnnxRuntime(request: OnnxRuntimeRequest): Promise<Session | Unavailable> {
  const { model, device, servesAll, create, check } = request;
  let inner: InferenceSession;
  try {
    inner = await create();
  } catch (cause) {
    await check();
    const reason = firstLine(cause);
    if (!servesAll) return { unavailable: reason };
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected a graph that onnxruntime can run, got ${'path' in model ? model.path : 'one'} of which it says: ${reason}`,
      { ...('path' in model && { path: model.path }), reason },
      { cause },
    );
  }
  try {
    return wrapSession(inner, device);
  } catch (error) {
    await inner.release();
    throw error;
  }
}

/** onnxruntime's message without the place in its source, which comes first. */
function firstLine(cause: unknown): string {
  const message = messageOf(cause);
  const line = message.split('\n').find((text) => text.trim() !== '') ?? message;
  return line.replace(/^\/\S+\.cc:\d+ .*? was false\. /, '').trim();
}

function wrapSession(inner: InferenceSession, device: string): Session {
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
