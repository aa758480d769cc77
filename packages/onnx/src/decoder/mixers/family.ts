import type { Emitter } from '../../graph/emitter.js';
import type { NodeProto, ValueInfoProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { DecoderInputs, StateNames } from '../decoder.js';
import type { AxisRule } from '../token-types.js';

/** Where a layer's state is looked for. */
export interface MixerSite {
  /** The layer, for messages. */
  readonly where: string;
  /** The graph's input that holds the state before the call, and the output that holds it after. */
  readonly state: StateNames;
  /** The node that reads the state. */
  readonly reader: NodeProto;
}

/** What carries a state from token to token, as one family reads it. */
export interface MixerReading {
  readonly family: MixerFamily;
  /** The node that takes the state, or the first of several. */
  readonly node: NodeProto;
  /**
   * What each of the nodes does to the axis of the tokens. They are the only ones that may mix tokens; a rule checks
   * that as many tokens come out as went in, in their order.
   */
  readonly rules: ReadonlyMap<NodeProto, AxisRule>;
}

/** Where nodes that carry a state are told of padding. */
export interface StatePaddingSite {
  readonly emitter: Emitter;
  readonly inputs: DecoderInputs;
  /** The graph's input that holds the state. */
  readonly state: ValueInfoProto | undefined;
}

/**
 * One way in which exporters carry a state from token to token: a causal convolution, a recurrence. A new one is a
 * file beside this and a line in `index.ts`. A layer may have several states, each read by a family of its own; what
 * lies between them has to work token by token. After a prune the same nodes run over the tokens that are left, and
 * the state is theirs: nothing of a family is rewritten but what `pad` does, for batches.
 */
export interface MixerFamily {
  readonly name: string;
  /**
   * Reads what a state belongs to.
   *
   * @returns undefined if it is not of this family
   * @throws TransPruneError UNSUPPORTED_MODEL for a variant of the family that is not supported
   */
  read(graph: ClassifiedGraph, site: MixerSite): MixerReading | undefined;
  /**
   * Lets padding in front of the tokens pass by the state, whatever it holds; left out where that is not known, and
   * batches are refused.
   *
   * @param node the reading's node, or a copy that is changed
   */
  pad?(node: NodeProto, site: StatePaddingSite): void;
}
