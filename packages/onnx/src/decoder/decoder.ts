import type { AttentionShape, PositionMode } from '@transprune/core';
import type { NodeProto } from '../proto/onnx_pb.js';
import type { StackedStreams } from './altup.js';
import type { AttentionFamily } from './attention/family.js';
import type { ClassifiedGraph } from './classified-graph.js';
import type { ExpertSizes } from './experts.js';
import type { FeatureRead } from './features.js';
import type { Linear } from './linear.js';
import type { MixerReading } from './mixers/family.js';
import type { Injection } from './stream.js';

/**
 * A decoder as its structure says, whatever its nodes are called. Every field that is a `string` is
 * the name of a value in the graph unless it says otherwise.
 */
export interface Decoder {
  /** The graph that was read, its values classified. */
  readonly graph: ClassifiedGraph;
  /** How attention is expressed. */
  readonly attentionFamily: string;
  readonly layers: readonly DecoderLayer[];
  readonly hiddenSize: number;
  /** Of the first FFN that every token passes or, if there is none, of the experts that one token passes together. */
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  /** The sizes of the first layer that has attention; others may have heads of their own size. */
  readonly attention: AttentionShape;
  readonly inputs: DecoderInputs;
  /**
   * How tokens after a prune are numbered so that keeping every token leaves the decoder as it was: `keep` where
   * `position_ids` has the rows of M-RoPE, else `renumber`, as the authors' code does.
   */
  readonly positions: PositionMode;
  /** Features of further inputs that are added to the stream after leading layers: DeepStack. */
  readonly injections: readonly Injection[];
  /** Features of each token, made before layer 1, that single layers read: Gemma's per-layer inputs. */
  readonly features: readonly FeatureRead[];
  readonly logits: string;
  /** True if tokens may be held in less than float32; scores are computed in float32 all the same. */
  readonly reducedPrecision: boolean;
}

export interface DecoderInputs {
  /** `[batch, tokens, hidden]` */
  readonly embeddings: string;
  /** `[batch, past + tokens]` */
  readonly attentionMask: string;
  /** `[batch, tokens]`, or `[3 or 4, batch, tokens]` for M-RoPE; undefined where the graph counts itself. */
  readonly positionIds?: string | undefined;
}

export interface DecoderLayer {
  /** The residual stream that enters the layer, `[batch, tokens, hidden]`. */
  readonly streamIn: string;
  /** Of several streams that layers predict together (AltUp) what the layer predicts; `streamIn` is one of them. */
  readonly stack?: StackedStreams | undefined;
  /** What mixes tokens: attention, or states that go from token to token. */
  readonly mixer: Mixer;
  /** The mixer, where it is attention. */
  readonly attention?: AttentionModule | undefined;
  /** The node that adds the mixer's output to the stream. */
  readonly middleJoin: NodeProto;
  readonly ffn: FfnModule;
  /** Attention's keys and values; undefined where a layer has another mixer, or borrows them. */
  readonly cache?: LayerCacheNames | undefined;
  /** What a convolution or a recurrence holds; empty for layers with attention. */
  readonly states: readonly StateNames[];
}

/** What a module reads, after the norm, and writes, before the add: `[batch, tokens, hidden]`. */
export interface Module {
  readonly input: string;
  readonly output: string;
}

export interface FfnModule extends Module {
  /** Reads the stream before the mixer's output is added to it: both stand side by side. */
  readonly isParallel?: boolean;
  /** What a token meets where it passes some of many experts; `unknown`: what they are made of does not tell. */
  readonly experts?: ExpertSizes | 'unknown';
}

/** The module that mixes tokens. */
export type Mixer = AttentionModule | StateModule;

/** A module whose states go from token to token: convolutions, recurrences. */
export interface StateModule extends Module {
  /** One for each state. */
  readonly readings: readonly MixerReading[];
}

export interface AttentionModule extends Module {
  /** Projections of the norm, `[batch, tokens, features]`; a packed one stands for several. */
  readonly projections: readonly string[];
  /** How the attention's node or nodes were read. */
  readonly reading: AttentionReading;
  /** The layer, counted from 0, whose keys and values are read in place of own ones. */
  readonly lender?: number | undefined;
}

/** Queries or keys of the new tokens. */
export interface Heads {
  readonly value: string;
  /**
   * `flat`: `[batch, tokens, heads * head_dim]`; `heads`: `[batch, heads, tokens, head_dim]`; `transposed`:
   * `[batch, heads, head_dim, tokens]`.
   */
  readonly layout: 'flat' | 'heads' | 'transposed';
  /** The columns of a packed flat value. */
  readonly columns?: readonly [from: number, to: number];
}

/** An attention module as one family reads it, whatever operators it is made of. */
export interface AttentionReading {
  readonly family: AttentionFamily;
  /** The node that mixes tokens, or the first of several: the product of queries and keys. */
  readonly node: NodeProto;
  /** As the node takes them: after norms and rotary embedding, unless that is inside the node. */
  readonly queries: Heads;
  readonly keys: Heads;
  /** The new tokens' values, or what they are packed in. */
  readonly values: string;
  /**
   * The cache holds latents that keys and values are projected from in every call: `keys` and `values` are those of the
   * cache's tokens, and of the new ones after them.
   */
  readonly latent?: LatentCache;
  /** Norms of each head where the node itself norms, before it rotates. */
  readonly fusedNorms?: FusedNorms | undefined;
  /** Angles of the rotary embedding where the node itself rotates. */
  readonly fusedRotary?: FusedRotary | undefined;
  /** Where angles are read on the way from the projections to queries and keys. */
  readonly angles: readonly AngleRead[];
  /** Nodes that make logits of queries and keys, first to last; left out where the node does it. */
  readonly logitNodes?: readonly NodeProto[];
  readonly shape: AttentionShape;
  /** Tokens that a row sees at most, itself included; undefined: all. */
  readonly window?: number | undefined;
  /** Of those below, the ones that are added to logits or block them; left out where there are none. */
  readonly masks?: readonly string[];
  /** Values that are functions of the graph's inputs alone: masks, lengths. */
  readonly derivedInputs: readonly string[];
  /** A constant with a logit for each head that takes part in the softmax and has no key: attention sinks. */
  readonly sinks?: string | undefined;
  /** Nodes that carry sinks through a softmax that is spelled out. */
  readonly sinkNodes?: readonly NodeProto[];
  /** Values that are read as no tokens at all, whatever they are cut from: where keys are borrowed. */
  readonly noTokens?: readonly string[];
}

/** What a cache of latents holds for each token, and what queries come from. */
export interface LatentCache {
  /** Numbers of the latent that keys and values are made of; undefined where the cache does not declare it. */
  readonly rank: number | undefined;
  /** Rotated numbers of a key, the same for all heads. */
  readonly rotated: number | undefined;
  /** The projection of queries, which may read a latent of their own. */
  readonly queries: Linear;
}

/** Constants `[head_dim]` that the attention node multiplies the normed heads of queries and keys with. */
export interface FusedNorms {
  readonly queries: string;
  readonly keys: string;
  readonly epsilon: number;
}

/** Constants `[positions, rotated / 2]` that the attention node looks angles up in. */
export interface FusedRotary {
  readonly cos: string;
  readonly sin: string;
  /** Leading features of a head that are rotated. */
  readonly rotated: number;
  /** Features are turned in pairs side by side; else in pairs from both halves. */
  readonly interleaved: boolean;
}

/** A node that reads angles, or the positions that they are looked up by. */
export interface AngleRead {
  readonly node: NodeProto;
  readonly value: string;
  /**
   * The axis of the tokens: counted from the end, 1 for angles `[batch, tokens, half]`, or 0 for angles
   * `[batch * tokens, half]`, which the node looks up by places among the tokens. `table`: angles that it looks
   * up by positions, `[positions, half]`; they stay whole, and the positions are gathered.
   * `places`: places among the tokens, which are made anew of the number of tokens that are left.
   */
  readonly axis: number | 'table' | 'places';
}

/** A layer's cache among the graph's inputs and outputs. */
export interface LayerCacheNames {
  /** Undefined in a graph that starts without a cache. */
  readonly pastKey?: string | undefined;
  readonly pastValue?: string | undefined;
  readonly presentKey: string;
  readonly presentValue: string;
}

/** A state of fixed size among the graph's inputs and outputs. */
export interface StateNames {
  readonly past: string;
  readonly present: string;
}
