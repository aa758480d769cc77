/**
 * What is used of ONNX Runtime: only objects that transformers.js made, and their classes. The package imports
 * no runtime of its own, so there is never a second copy of one.
 */

export interface RuntimeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** Of tensors in memory. */
  readonly data: ArrayLike<number | bigint>;
}

export type RuntimeTensors = Readonly<Record<string, RuntimeTensor>>;

type TensorClass = new (
  type: string,
  data: BigInt64Array | Float32Array,
  dims: readonly number[],
) => RuntimeTensor;

/** Makes tensors of the same class as others. */
export function tensorMaker(feeds: RuntimeTensors) {
  const [any] = Object.values(feeds);
  const Tensor = any?.constructor as TensorClass;
  return {
    int64: (values: readonly (number | bigint)[], dims: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims),
    float32: (values: readonly number[], dims: readonly number[]) =>
      new Tensor('float32', Float32Array.from(values), dims),
  };
}

export interface ValueMetadata {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

/** A session as the library keeps it. */
export interface RuntimeSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly ValueMetadata[];
  run(feeds: RuntimeTensors, fetch?: readonly string[]): Promise<RuntimeTensors>;
  release(): Promise<void>;
  /** Set by the library. */
  config?: { readonly dtype?: string; readonly device?: string };
}

/** Options of a session. */
export type SessionOptions = Readonly<Record<string, unknown>>;

/** A model as the library hands it to the runtime: its path in Node, its bytes in browsers. */
export type ModelSource = string | Uint8Array;

export type CreateSession = (
  source: ModelSource,
  options: SessionOptions,
) => Promise<RuntimeSession>;

/** The class of sessions; `create` opens them. */
export interface SessionClass {
  create: CreateSession;
}

export const sessionClassOf = (session: RuntimeSession) =>
  session.constructor as unknown as SessionClass;
