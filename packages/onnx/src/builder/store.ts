/** Puts weights into the model, or into a file beside it. */
import { float16Array } from '@transprune/core';
import { tensor } from '../graph/emitter.js';
import { externalTensor } from '../model/external-data.js';
import { type TensorProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import type { WeightFile } from './options.js';

/**
 * Makes initializers; each function gives back the name. A name that is known is not made again, and
 * its values are not asked for.
 */
export interface WeightStore {
  /** Numbers in the layout's type. */
  floats(name: string, dims: readonly number[], values: () => Float32Array): string;
  /** Bytes as they are. */
  bytes(name: string, dims: readonly number[], values: () => Uint8Array): string;
}

/** @param initializers where they are added */
export function weightStore(
  initializers: TensorProto[],
  floatType: TensorProto_DataType,
  file: WeightFile | undefined,
): WeightStore {
  const known = new Set<string>();
  let offset = 0;
  const add = (
    name: string,
    type: TensorProto_DataType,
    dims: readonly number[],
    values: () => ArrayBufferView,
  ): string => {
    if (known.has(name)) return name;
    known.add(name);
    const view = values();
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    if (file) {
      file.append(bytes);
      const place = { location: file.location, offset, length: bytes.length };
      initializers.push(externalTensor(name, type, dims, place));
      offset += bytes.length;
    } else {
      initializers.push(tensor(name, type, dims, bytes));
    }
    return name;
  };
  return {
    floats: (name, dims, values) =>
      add(name, floatType, dims, () =>
        floatType === TensorProto_DataType.FLOAT16 ? float16Array(values()) : values(),
      ),
    bytes: (name, dims, values) => add(name, TensorProto_DataType.UINT8, dims, values),
  };
}
