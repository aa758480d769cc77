/** Sessions of onnxruntime, whose packages for Node, browsers and phones have one interface. */
import { cachePort, type ErrorCode, TransPruneError } from '@transprune/core';
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
import { freeElements } from './free.js';

/** The onnxruntime tensor inside each tensor that a session gave out. */
const innerTensors = new WeakMap<SessionTensor, Tensor>();

/** What is opened, and how. */
export interface OnnxRuntimeRequest {
  readonly model: ModelSource;
  /** Its name in the backend. */
  readonly device: string;
  /** True for the device that serves every model: what it refuses is the model's fault. */
  readonly servesAll: boolean;
  readonly create: () => Promise<InferenceSession>;
}

const noModel = (model: string) =>
  `expected a model at ${model}, found none; check the path and the network`;

/** What onnxruntime says of files that are at fault, and what that means. */
const fileFaults: readonly {
  readonly words: RegExp;
  readonly code: ErrorCode;
  /** @param found the first part of the words that is in brackets */
  readonly meaning: (model: string, found: string) => string;
}[] = [
  {
    words:
      /External data path does not exist: "(.+?)"|External file: (\S+) not found|load external data file:? "*([^"\s]+)/i,
    code: 'NOT_FOUND',
    // onnxruntime-web says so of the graph's own file too.
    meaning: (model, file) =>
      file === model
        ? noModel(model)
        : `the weights of ${model} are missing: ${file}; keep the files together, or pass their contents as externalData`,
  },
  {
    words: /(file_length: \d+ are out of bounds|can not be read in full)/,
    code: 'INVALID_MODEL',
    meaning: (model, words) =>
      `expected all weights of ${model}, got a data file that is cut off (${words}); fetch it again`,
  },
  {
    words: /(protobuf parsing failed|Model data pointer is null|is a directory)/i,
    code: 'INVALID_MODEL',
    meaning: (model, words) =>
      `expected ${model} to be an ONNX file of under 2 GiB, got one that is cut off or of another format (${words})`,
  },
  {
    words: /(File doesn't exist|Failed to fetch|failed to load model: \S+)/i,
    code: 'NOT_FOUND',
    meaning: noModel,
  },
];

/**
 * Opens a session of onnxruntime as one of the contract's.
 *
 * @throws TransPruneError NOT_FOUND or INVALID_MODEL for files that are missing or at fault,
 *   UNSUPPORTED_MODEL for a graph that no device can run, or inputs and outputs of types that the contract
 *   has not
 */
export async function openOnnxRuntime(request: OnnxRuntimeRequest): Promise<Session | Unavailable> {
  const { model, device, servesAll, create } = request;
  let inner: InferenceSession;
  try {
    inner = await create();
  } catch (cause) {
    throwFileFault(model, cause);
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

/** Throws what is wrong with a model's files, if that is it. */
function throwFileFault(model: ModelSource, cause: unknown): void {
  const name = 'path' in model ? model.path : 'the model';
  const message = messageOf(cause);
  for (const { words, code, meaning } of fileFaults) {
    const match = words.exec(message);
    const found = match?.slice(1).find((part) => part !== undefined);
    if (found !== undefined) {
      throw new TransPruneError(code, meaning(name, found), { model: name, found }, { cause });
    }
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
        const shapes = inputs.map(({ name }) => ({ name, dims: feeds[name]?.dims ?? [] }));
        const shown = shapes
          .filter(({ name }) => !cachePort(name))
          .map(({ name, dims }) => `${name} [${dims.join(', ')}]`);
        throw new TransPruneError(
          'RUN_FAILED',
          `the graph failed: ${messageOf(cause)} (it was fed ${shown.join('; ')})`,
          { shapes: Object.fromEntries(shapes.map(({ name, dims }) => [name, dims])) },
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
  const host = (data: unknown) =>
    ({ type, dims, data: elementsOf(type, data as ArrayBufferView) }) as HostTensor;
  const isInMemory = tensor.location === 'cpu';
  let isHandedOut = false;
  const wrapped: SessionTensor = {
    type,
    dims,
    async download() {
      isHandedOut = true;
      return host(await tensor.getData());
    },
    get elements() {
      return isInMemory ? host(tensor.data) : undefined;
    },
    dispose() {
      const own = isInMemory && !isHandedOut ? host(tensor.data).data : undefined;
      tensor.dispose();
      if (own) freeElements(own);
    },
  };
  innerTensors.set(wrapped, tensor);
  return wrapped;
}

function toOrt(name: string, tensor: HostTensor | SessionTensor): Tensor {
  if ('data' in tensor) {
    const made = new Tensor(tensor.type, tensor.data as Float32Array, tensor.dims);
    // Where the engine has an array class for float16, the tensor holds it; the binding wants the bits.
    if (made.data !== tensor.data) Object.assign(made, { cpuData: tensor.data });
    return made;
  }
  const own = innerTensors.get(tensor);
  if (!own) throw invalid(`the tensor for ${name} is of another backend; download it first`);
  return own;
}

function invalid(message: string): TransPruneError {
  return new TransPruneError('INVALID_ARGUMENT', message);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
