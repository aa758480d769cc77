/** A decoder graph as data to be shown: works on one graph, wherever it stands. */
import type { Decoder } from '../decoder/decoder.js';
import { elementType, valueShape } from '../graph/graph.js';
import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from '../proto/onnx_pb.js';
import { type DerivedReport, describeDerived } from './derived.js';
import { groupLayers, type LayerGroup } from './layers.js';

/** An input or output of a graph. */
export interface ValueReport {
  readonly name: string;
  /** Such as `float32`; null if it is not declared. */
  readonly type: string | null;
  /** Sizes, names of sizes, null for those that are not declared. */
  readonly shape: readonly (number | string | null)[];
}

/** A decoder graph. */
export interface Structure {
  readonly inputs: readonly ValueReport[];
  readonly outputs: readonly ValueReport[];
  /** Element types of constants with two axes or more, which are weights and tables. */
  readonly weightTypes: readonly string[];
  /** Layers that inputs and outputs tell of; fewer are in groups where the reading was refused. */
  readonly declaredLayers: number;
  readonly layerGroups: readonly LayerGroup[];
  readonly derived: readonly DerivedReport[];
}

/**
 * Describes a graph.
 *
 * @param decoder as much of it as was read
 */
export function describeStructure(
  graph: GraphProto,
  declaredLayers: number,
  decoder: Decoder | undefined,
): Structure {
  const weights = graph.initializer.filter(({ dims }) => dims.length > 1);
  return {
    inputs: graph.input.map(describeValue),
    outputs: graph.output.map(describeValue),
    weightTypes: [...new Set(weights.map(({ dataType }) => typeName(dataType)))].sort(),
    declaredLayers,
    layerGroups: decoder ? groupLayers(decoder) : [],
    derived: decoder ? describeDerived(decoder) : [],
  };
}

function describeValue(info: ValueInfoProto): ValueReport {
  const type = elementType(info);
  return {
    name: info.name,
    type: type === undefined ? null : typeName(type),
    shape: valueShape(info).map((size) => size ?? null),
  };
}

const typeNames = new Map<number, string>([
  ...Object.entries(TensorProto_DataType).map(
    ([name, type]) => [type, name.toLowerCase()] as const,
  ),
  [TensorProto_DataType.FLOAT, 'float32'],
  [TensorProto_DataType.DOUBLE, 'float64'],
]);

/** An element type as people write it. */
const typeName = (type: number): string => typeNames.get(type) ?? `type ${type} of ONNX`;
