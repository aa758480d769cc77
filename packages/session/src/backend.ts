/**
 * The contract between whoever runs graphs and whatever executes them. A backend is one object; it
 * answers a session, or the reason why it has none.
 */

/** Element types that cross the contract, with ONNX's names. */
export interface TensorData {
  readonly float32: Float32Array;
  readonly float16: Uint16Array;
  readonly int64: BigInt64Array;
  readonly int32: Int32Array;
  readonly bool: Uint8Array;
}

export type ElementType = keyof TensorData;

/** A tensor whose elements are in this process's memory, row-major. */
export interface HostTensor<Type extends ElementType = ElementType> {
  readonly type: Type;
  readonly dims: readonly number[];
  readonly data: TensorData[Type];
}

/**
 * A tensor that a session gave out. It may live on the device: `download` brings its elements, and
 * the tensor can be fed to the same session's next run as it is.
 */
export interface SessionTensor {
  readonly type: ElementType;
  readonly dims: readonly number[];
  /** The elements are the caller's, and stay when the tensor is disposed. */
  download(): Promise<HostTensor>;
  /** The elements, if they are in this process's memory: to be read before the tensor is disposed, and not kept. */
  readonly elements?: HostTensor | undefined;
  /** Frees its memory; the tensor can't be used any more. */
  dispose(): void;
}

/** One input or output of a graph; a dimension is a number or the name of a symbol. */
export interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
}

export interface Session {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** The device that runs it, as the backend names it. */
  readonly device: string;
  /**
   * Runs the graph.
   *
   * @param feeds one tensor for each input
   * @param fetch names of the wanted outputs; all if left out
   * @throws TransPruneError INVALID_ARGUMENT for feeds that are not the graph's, RUN_FAILED if it fails
   */
  run(
    feeds: Readonly<Record<string, HostTensor | SessionTensor>>,
    fetch?: readonly string[],
  ): Promise<Record<string, SessionTensor>>;
  dispose(): Promise<void>;
}

/**
 * Where a graph comes from: a file, or its bytes with the contents of its external files under the names
 * that the graph gives them. A file's external weights are found beside it; where nobody can look there, as
 * in a browser, `externalFiles` names them.
 */
export type ModelSource =
  | { readonly path: string; readonly externalFiles?: readonly string[] }
  | { readonly bytes: Uint8Array; readonly externalData?: Readonly<Record<string, Uint8Array>> };

/** Why a device cannot be used, in words for the user. */
export interface Unavailable {
  readonly unavailable: string;
}

export interface Backend {
  readonly name: string;
  /** Devices that it knows, best first; `auto` tries them in this order. */
  readonly devices: readonly string[];
  /**
   * Opens a graph on a device.
   *
   * @throws TransPruneError if the model itself is at fault: NOT_FOUND for a missing file, INVALID_MODEL for
   *   one that does not parse or is cut off, UNSUPPORTED_MODEL for a graph that cannot be run
   */
  open(model: ModelSource, options: { readonly device: string }): Promise<Session | Unavailable>;
}
