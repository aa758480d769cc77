import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type SparseTensorProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';
import type { OnnxModel } from './codec.js';

/** Files that hold weights outside the model, as the model names them, each once. */
export function externalLocations(model: OnnxModel): string[] {
  return [...externalExtents(model).keys()];
}

/**
 * Files that hold weights outside the model, and how many bytes of each the model refers to at least:
 * a shorter file is cut off.
 */
export function externalExtents(model: OnnxModel): ReadonlyMap<string, number> {
  const extents = new Map<string, number>();
  for (const tensor of tensorsOf(model)) {
    if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
    const end = endOf(tensor);
    for (const { key, value } of tensor.externalData) {
      if (key === 'location') extents.set(value, Math.max(extents.get(value) ?? 0, end));
    }
  }
  return extents;
}

/** Bits of an element, for the types that weights come in; others count as nothing. */
const bitsOfType: Readonly<Partial<Record<TensorProto_DataType, number>>> = {
  [TensorProto_DataType.FLOAT]: 32,
  [TensorProto_DataType.FLOAT16]: 16,
  [TensorProto_DataType.BFLOAT16]: 16,
  [TensorProto_DataType.DOUBLE]: 64,
  [TensorProto_DataType.INT8]: 8,
  [TensorProto_DataType.UINT8]: 8,
  [TensorProto_DataType.INT32]: 32,
  [TensorProto_DataType.INT64]: 64,
  [TensorProto_DataType.INT4]: 4,
  [TensorProto_DataType.UINT4]: 4,
};

/** Where a tensor ends in its file, in bytes. The length may be left out; the shape says it then. */
function endOf({ externalData, dataType, dims }: TensorProto): number {
  const number = (wanted: string) => {
    const value = Number(externalData.find(({ key }) => key === wanted)?.value);
    return Number.isFinite(value) && value > 0 ? value : undefined;
  };
  const elements = dims.reduce((product, size) => product * Number(size), 1);
  const bits = bitsOfType[dataType as TensorProto_DataType] ?? 0;
  return (number('offset') ?? 0) + (number('length') ?? Math.ceil((elements * bits) / 8));
}

/** Every constant of a model: its graph's, those of graphs for training, and its functions'. */
function* tensorsOf(model: OnnxModel): Iterable<TensorProto> {
  yield* tensorsOfGraph(model.graph);
  for (const { initialization, algorithm } of model.trainingInfo) {
    yield* tensorsOfGraph(initialization);
    yield* tensorsOfGraph(algorithm);
  }
  for (const { node, attributeProto } of model.functions) {
    yield* tensorsOfAttributes(attributeProto);
    for (const { attribute } of node) yield* tensorsOfAttributes(attribute);
  }
}

function* tensorsOfGraph(graph: GraphProto | undefined): Iterable<TensorProto> {
  if (!graph) return;
  yield* graph.initializer;
  for (const sparse of graph.sparseInitializer) yield* tensorsOfSparse(sparse);
  for (const { attribute } of graph.node) yield* tensorsOfAttributes(attribute);
}

function* tensorsOfAttributes(attributes: readonly AttributeProto[]): Iterable<TensorProto> {
  for (const { t, g, sparseTensor, tensors, graphs, sparseTensors } of attributes) {
    if (t) yield t;
    if (g) yield* tensorsOfGraph(g);
    if (sparseTensor) yield* tensorsOfSparse(sparseTensor);
    yield* tensors;
    for (const graph of graphs) yield* tensorsOfGraph(graph);
    for (const sparse of sparseTensors) yield* tensorsOfSparse(sparse);
  }
}

function* tensorsOfSparse({ values, indices }: SparseTensorProto): Iterable<TensorProto> {
  if (values) yield values;
  if (indices) yield indices;
}

/** The same model with every external file named anew; offsets and lengths stay. */
export function relocateExternalData(
  model: OnnxModel,
  rename: (location: string) => string,
): OnnxModel {
  const tensor = (known: TensorProto): TensorProto =>
    known.dataLocation === TensorProto_DataLocation.EXTERNAL
      ? create(TensorProtoSchema, {
          ...known,
          externalData: known.externalData.map((entry) =>
            entry.key === 'location' ? { ...entry, value: rename(entry.value) } : entry,
          ),
        })
      : known;
  const sparse = (known: SparseTensorProto): SparseTensorProto => ({
    ...known,
    ...(known.values && { values: tensor(known.values) }),
    ...(known.indices && { indices: tensor(known.indices) }),
  });
  const attribute = (known: AttributeProto): AttributeProto => ({
    ...known,
    ...(known.t && { t: tensor(known.t) }),
    ...(known.g && { g: graph(known.g) }),
    ...(known.sparseTensor && { sparseTensor: sparse(known.sparseTensor) }),
    tensors: known.tensors.map(tensor),
    graphs: known.graphs.map(graph),
    sparseTensors: known.sparseTensors.map(sparse),
  });
  const node = (known: NodeProto): NodeProto =>
    known.attribute.some(holdsTensors)
      ? { ...known, attribute: known.attribute.map(attribute) }
      : known;
  const graph = (known: GraphProto): GraphProto => ({
    ...known,
    node: known.node.map(node),
    initializer: known.initializer.map(tensor),
    sparseInitializer: known.sparseInitializer.map(sparse),
  });
  return {
    ...model,
    ...(model.graph && { graph: graph(model.graph) }),
    trainingInfo: model.trainingInfo.map((known) => ({
      ...known,
      ...(known.initialization && { initialization: graph(known.initialization) }),
      ...(known.algorithm && { algorithm: graph(known.algorithm) }),
    })),
    functions: model.functions.map((known) => ({
      ...known,
      node: known.node.map(node),
      attributeProto: known.attributeProto.map(attribute),
    })),
  };
}

const holdsTensors = ({ t, g, sparseTensor, tensors, graphs, sparseTensors }: AttributeProto) =>
  t || g || sparseTensor || tensors.length + graphs.length + sparseTensors.length > 0;

/** Where a tensor's bytes lie; offset and length in bytes. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** A tensor whose data lies in another file. */
export function externalTensor(
  name: string,
  dataType: TensorProto_DataType,
  dims: readonly number[],
  { location, offset, length }: ExternalPlace,
): TensorProto {
  const entries = { location, offset: `${offset}`, length: `${length}` };
  return create(TensorProtoSchema, {
    name,
    dataType,
    dims: dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
  });
}

/** Weights from this size on, in bytes, are worth a place of their own. */
const largeWeights = 1 << 14;

/**
 * The same model without its large weights: it finds them in a file that is, byte for byte, what the model was
 * decoded from. So a changed model is opened beside the original's bytes, and no weight is copied.
 *
 * @param source what the model was decoded from
 * @param location the file's name
 */
export function withWeightsIn(model: OnnxModel, source: Uint8Array, location: string): OnnxModel {
  if (!model.graph) return model;
  const initializer = model.graph.initializer.map((tensor) => {
    const { name, dataType, dims, rawData } = tensor;
    if (rawData.length < largeWeights || rawData.buffer !== source.buffer) return tensor;
    const offset = rawData.byteOffset - source.byteOffset;
    const place = { location, offset, length: rawData.length };
    return externalTensor(name, dataType as TensorProto_DataType, dims.map(Number), place);
  });
  return { ...model, graph: { ...model.graph, initializer } };
}
