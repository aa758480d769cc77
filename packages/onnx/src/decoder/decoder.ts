import type { AttentionShape } from '@transprune/core';
import type { NodeProto } from '../proto/onnx_pb.js';

/**
 * A decoder as its structure says, whatever its nodes are called. Every field that is a `string` is
 * the name of a value in the graph unless it says otherwise.
 */
export interface Decoder {
  /** How attention is expressed. */
  readonly attentionFamily: string;
  readonly layers: readonly DecoderLayer[];
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  readonly attention: AttentionShape;
  readonly inputs: DecoderInputs;
  readonly logits: string;
}

export interface DecoderInputs {
  /** `[batch, tokens, hidden]` */
  readonly embeddings: string;
  /** `[batch, past + tokens]` */
  readonly attentionMask: string;
}

export interface DecoderLayer {
  /** The residual stream that enters the layer, `[batch, tokens, hidden]`. */
  readonly streamIn: string;
  readonly attention: AttentionModule;
  /** The node that adds the attention's output to the stream. */
  readonly middleJoin: NodeProto;
  readonly ffn: Module;
  readonly cache: LayerCacheNames;
}

/** What a module reads, after the norm, and writes, before the add: `[batch, tokens, hidden]`. */
export interface Module {
  readonly input: string;
  readonly output: string;
}

export interface AttentionModule extends Module {
  /** The node that mixes tokens. */
  readonly node: NodeProto;
  readonly projections: Projections;
  readonly rotary: RotaryReading;
  /** What the node reads besides projections, weights and its own cache. */
  readonly sideInputs: readonly string[];
}

/** Query, key and value before rotary; packed ones lie side by side in the last axis. */
export type Projections =
  | { readonly kind: 'packed'; readonly value: string }
  | {
      readonly kind: 'split';
      readonly query: string;
      readonly key: string;
      readonly value: string;
    };

/** Where the angles of the rotary embedding are found. */
export interface RotaryReading {
  /** `[positions, head_dim / 2]`, values that do not depend on the input. */
  readonly cos: string;
  readonly sin: string;
}

/** A layer's cache among the graph's inputs and outputs. */
export interface LayerCacheNames {
  readonly pastKey: string;
  readonly pastValue: string;
  readonly presentKey: string;
  readonly presentValue: string;
}
