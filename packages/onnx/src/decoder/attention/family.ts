import type { AttentionShape } from '@transprune/core';
import type { GraphIndex } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { Projections, RotaryReading } from '../decoder.js';

/** An attention node as one family reads it. */
export interface AttentionReading {
  readonly projections: Projections;
  /** The mixed values, before the output projection. */
  readonly output: string;
  readonly presentKey: string;
  readonly presentValue: string;
  readonly sideInputs: readonly string[];
  readonly rotary: RotaryReading;
  readonly shape: AttentionShape;
}

/** One way in which exporters express attention. A new one is a file beside this and a line there. */
export interface AttentionFamily {
  readonly name: string;
  /** True if the node that reads a layer's cache belongs to this family. */
  matches(node: NodeProto): boolean;
  /**
   * Reads the node.
   *
   * @param where the layer, for messages
   * @throws TransPruneError UNSUPPORTED_MODEL for a variant of the family that is not supported
   */
  read(graph: GraphIndex, node: NodeProto, where: string): AttentionReading;
}
