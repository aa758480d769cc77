/** How far a graph is understood, where it isn't to its end. */
import { create } from '@bufbuild/protobuf';
import { presentCache, TransPruneError } from '@transprune/core';
import { cacheNames } from '../decoder/caches.js';
import type { Decoder } from '../decoder/decoder.js';
import { readGraph } from '../decoder/read.js';
import { indexGraph } from '../graph/graph.js';
import { upstreamNodes } from '../graph/walk.js';
import { type GraphProto, GraphProtoSchema } from '../proto/onnx_pb.js';

/** The first thing that was not understood. */
export interface RefusalReport {
  /** The whole message. */
  readonly reason: string;
  readonly where: string | null;
  readonly expected: string | null;
  readonly found: string | null;
  /** Name of the node, and its operator. */
  readonly node: string | null;
  readonly operator: string | null;
}

/** What was read of a decoder. */
export interface PartialReading {
  /** The decoder, or its leading layers; undefined if not even one layer is understood. */
  readonly decoder?: Decoder;
  readonly refusal?: RefusalReport;
}

/** Reads a decoder as far as it is understood; throws for nothing that a graph can hold. */
export function readAsFar(graph: GraphProto): PartialReading {
  const whole = attempt(() => readGraph(graph));
  if (whole.result) return { decoder: whole.result };
  // What is understood of n layers is understood of fewer: halve the distance to the first refusal.
  let decoder: Decoder | undefined;
  let [read, refused] = [0, declaredLayers(graph)];
  while (refused - read > 1) {
    const middle = Math.floor((read + refused) / 2);
    const { result } = attempt(() => readGraph(leadingLayers(graph, middle)));
    if (result) [decoder, read] = [result, middle];
    else refused = middle;
  }
  return { ...(decoder && { decoder }), ...(whole.refusal && { refusal: whole.refusal }) };
}

/** What a reading gives, or why it was refused; other errors pass through. */
export function attempt<T>(read: () => T): { result?: T; refusal?: RefusalReport } {
  try {
    return { result: read() };
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    const text = (field: string) => {
      const value = error.data[field];
      return typeof value === 'string' && value !== '' ? value : null;
    };
    return {
      refusal: {
        reason: error.message,
        where: text('where'),
        expected: text('expected'),
        found: text('found'),
        node: text('node'),
        operator: text('operator'),
      },
    };
  }
}

/** Layers that inputs and outputs tell of; 0 if they tell nothing. */
export function declaredLayers(graph: GraphProto): number {
  return attempt(() => cacheNames(indexGraph(graph))).result?.length ?? 0;
}

/**
 * A decoder's leading layers: what their caches, and the keys and values of the next layer, are made
 * of. That layer's own attention is left out, so that nothing is added to the stream any more.
 */
function leadingLayers(graph: GraphProto, layers: number): GraphProto {
  const caches = Array.from({ length: layers + 1 }, (_, layer) => [
    presentCache(layer, 'key'),
    presentCache(layer, 'value'),
  ]).flat();
  const isLater = (name: string) => Number(/^present\.(\d+)\./.exec(name)?.[1] ?? -1) >= layers;
  return create(GraphProtoSchema, {
    ...graph,
    node: upstreamNodes(graph.node, caches),
    output: graph.output.filter(({ name }) => !isLater(name)),
  });
}
