import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import { type ModelProto, ModelProtoSchema } from '../proto/onnx_pb.js';

/** An ONNX model as data. Unknown fields survive; weights are views into the bytes they came from. */
export type OnnxModel = ModelProto;

/** Operator set that the passes are written for; older ones lack operators and axes as inputs. */
const oldestOpset = 13;

/**
 * Parses an ONNX file.
 *
 * @throws TransPruneError INVALID_MODEL if the bytes are no ONNX model or are cut off
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  let model: OnnxModel;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected an ONNX model, got ${bytes.length} bytes that do not parse as one: the file is truncated or of another format`,
      { bytes: bytes.length },
      { cause },
    );
  }
  if (!model.graph || model.graph.node.length === 0 || model.opsetImport.length === 0) {
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected an ONNX model, got ${bytes.length} bytes without a graph: the file is truncated or of another format`,
      { bytes: bytes.length },
    );
  }
  return model;
}

/** Serializes a model; the same model gives the same bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  return toBinary(ModelProtoSchema, model);
}

/**
 * Version of the standard operator set.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL below version 13
 */
export function standardOpset(model: OnnxModel): number {
  const standard = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  const version = Number(standard?.version ?? 0n);
  if (version < oldestOpset) {
    throw new TransPruneError(
      'UNSUPPORTED_MODEL',
      `expected operator set ${oldestOpset} or later, got ${version}; export the model again with a newer one`,
      { expected: oldestOpset, found: version },
    );
  }
  return version;
}
