import type { AttentionShape } from '@transprune/core';
import type { Emitter } from '../../graph/emitter.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { AttentionReading, DecoderInputs, LayerCacheNames } from '../decoder.js';

/** Where a layer's attention is looked for. */
export interface AttentionSite {
  /** The layer, for messages. */
  readonly where: string;
  readonly cache: LayerCacheNames;
  /** The node that makes the present key, copies left aside. */
  readonly presentKeyNode: NodeProto;
}

/** Attention over keys and values that an earlier layer has appended the call's tokens to. */
export interface BorrowSite {
  /** The layer, for messages. */
  readonly where: string;
  /** A node that reads the lender's present key. */
  readonly node: NodeProto;
  /** Whether a node lies between the lender's keys and what the borrower adds to the stream. */
  isInside(node: NodeProto): boolean;
  readonly lender: LayerCacheNames;
}

/** Where logits are made for a score, besides those that attention makes for itself. */
export interface LogitsSite {
  readonly emitter: Emitter;
  readonly shape: AttentionShape;
  /** The layer's cache; undefined in a graph that starts without one. */
  readonly pastKey: string | undefined;
  /** int64 `[1]`: the first row that asks, counted among the tokens at hand. */
  readonly start: string;
  /** A value on the way to attention, over every token that is scored, in float32. */
  scored(value: string): string;
  /** A value in float32. */
  asFloat(value: string): string;
  /** A constant in float32. */
  constant(value: string): string;
  /**
   * Where the scored tokens stand, for a node that rotates inside: int64 `[1]`, the first one's place, or
   * `[batch, tokens]`.
   *
   * @param start int64 `[1]`: the places from this token on
   */
  positions(start?: string): string;
}

/** Where attention nodes are told of padding. */
export interface PaddingSite {
  readonly emitter: Emitter;
  readonly inputs: DecoderInputs;
  /** Element type of the cache, as ONNX numbers it. */
  readonly cacheType: number | undefined;
}

/**
 * One way in which exporters express attention: all that is known of its operator's layout. A new one is a
 * file beside this and a line there.
 */
export interface AttentionFamily {
  readonly name: string;
  /**
   * True where the node is told how many tokens its cache holds, so that the cache may have room for more; no if left
   * out.
   */
  readonly isToldLengths?: boolean;
  /**
   * Reads the attention that a cache belongs to.
   *
   * @returns undefined if it is not of this family
   * @throws TransPruneError UNSUPPORTED_MODEL for a variant of the family that is not supported
   */
  read(graph: ClassifiedGraph, site: AttentionSite): AttentionReading | undefined;
  /**
   * Reads attention that borrows keys and values; left out where that is not known. Its logits are never asked for,
   * as no prune comes right before it.
   *
   * @returns undefined if it is not of this family
   * @throws TransPruneError UNSUPPORTED_MODEL for a variant of the family that is not supported
   */
  borrow?(graph: ClassifiedGraph, site: BorrowSite): AttentionReading | undefined;
  /**
   * Emits logits of the rows that ask, over the cache and every scored token: float32
   * `[batch, heads, rows, past + tokens]`.
   */
  logits(reading: AttentionReading, site: LogitsSite): string;
  /**
   * What attention gives before its last projection, `[batch, tokens, heads * head_dim]` or
   * `[batch, heads, tokens, head_dim]`.
   *
   * @param nodes the graph's, each after those that it reads
   */
  attended(reading: AttentionReading, nodes: readonly NodeProto[]): string;
  /**
   * Takes the rotation out of a node that rotates inside, into nodes before it that are told positions;
   * left out where rotation is outside anyway.
   *
   * @param node the reading's node, or a copy that is changed
   * @param positions int64 `[batch, tokens]`
   */
  rotateOutside?(
    reading: AttentionReading,
    node: NodeProto,
    emitter: Emitter,
    positions: string,
  ): void;
  /**
   * Makes a node take padding on either side of the tokens; left out where the mask tells all of it.
   *
   * @param node the reading's node, or a copy that is changed
   */
  pad?(node: NodeProto, site: PaddingSite): void;
}
