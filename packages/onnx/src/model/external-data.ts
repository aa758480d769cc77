import { create } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  type TensorProto_DataType,
  TensorProtoSchema,
} from '../proto/onnx_pb.js';
import type { OnnxModel } from './codec.js';

/** Files that hold weights outside the model, as the model names them, each once. */
export function externalLocations(model: OnnxModel): string[] {
  const locations = [...weightsOf(model.graph)]
    .filter(({ dataLocation }) => dataLocation === TensorProto_DataLocation.EXTERNAL)
    .flatMap(({ externalData }) => externalData.filter(({ key }) => key === 'location'))
    .map(({ value }) => value);
  return [...new Set(locations)];
}

/** Every constant of a graph: initializers, and what nodes and their branches hold. */
function* weightsOf(graph: GraphProto | undefined): Iterable<TensorProto> {
  yield* graph?.initializer ?? [];
  for (const { attribute } of graph?.node ?? []) {
    for (const { t, g } of attribute) {
      if (t) yield t;
      if (g) yield* weightsOf(g);
    }
  }
}

/** The same model with every external file named anew; offsets and lengths stay. */
export function relocateExternalData(
  model: OnnxModel,
  rename: (location: string) => string,
): OnnxModel {
  const relocateTensor = (tensor: TensorProto): TensorProto =>
    tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
      ? create(TensorProtoSchema, {
          ...tensor,
          externalData: tensor.externalData.map((entry) =>
            entry.key === 'location' ? { ...entry, value: rename(entry.value) } : entry,
          ),
        })
      : tensor;
  const relocateAttribute = (known: AttributeProto): AttributeProto => ({
    ...known,
    ...(known.t && { t: relocateTensor(known.t) }),
    ...(known.g && { g: relocateGraph(known.g) }),
  });
  const relocateNode = (node: NodeProto): NodeProto =>
    node.attribute.some(({ t, g }) => t || g)
      ? { ...node, attribute: node.attribute.map(relocateAttribute) }
      : node;
  const relocateGraph = (graph: GraphProto): GraphProto => ({
    ...graph,
    node: graph.node.map(relocateNode),
    initializer: graph.initializer.map(relocateTensor),
  });
  return model.graph ? { ...model, graph: relocateGraph(model.graph) } : model;
}

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
