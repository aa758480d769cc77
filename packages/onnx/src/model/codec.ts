import { clearField, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf';
import { TransPruneError } from '@transprune/core';
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';

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
    const isPage = bytes[0] === '<'.charCodeAt(0);
    const found = isPage
      ? 'a web page, as servers send in place of files that are missing or need a login; delete it if it lies in a cache, check where it came from, and get it again'
      : `${bytes.length} bytes that do not parse as one: the file is truncated or of another format`;
    throw new TransPruneError(
      'INVALID_MODEL',
      `expected an ONNX model, got ${found}`,
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
  const pieces = encodePieces(model);
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Weights from this size on are pieces of their own. */
const largeTensor = 1 << 14;

/**
 * Serializes a model in pieces, to be written one after the other. Large weights are views into
 * whatever the model was read from: nothing of them is copied.
 */
export function encodePieces(model: OnnxModel): Uint8Array[] {
  const { graph } = model;
  const around = { ...model };
  clearField(around, ModelProtoSchema.field.graph);
  const head = toBinary(ModelProtoSchema, around);
  if (!graph) return [head];
  const body = toBinary(GraphProtoSchema, { ...graph, initializer: [] });
  const tensors = graph.initializer.flatMap((tensor) => field(5, encodeTensor(tensor)));
  return [head, ...field(7, [body, ...tensors])];
}

function encodeTensor(tensor: TensorProto): Uint8Array[] {
  const { rawData } = TensorProtoSchema.field;
  const isLarge = isFieldSet(tensor, rawData) && tensor.rawData.length >= largeTensor;
  if (!isLarge) return [toBinary(TensorProtoSchema, tensor)];
  const description = { ...tensor };
  clearField(description, rawData);
  return [toBinary(TensorProtoSchema, description), ...field(9, [tensor.rawData])];
}

/** A length-delimited field of Protocol Buffers: its number and type, its length, its contents. */
function field(number: number, contents: readonly Uint8Array[]): Uint8Array[] {
  const lengthDelimited = 2;
  const length = contents.reduce((sum, piece) => sum + piece.length, 0);
  return [Uint8Array.of(number * 8 + lengthDelimited, ...varint(length)), ...contents];
}

/** Seven bits a byte, the lowest first; the highest bit says that more follow. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
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
