/** What caches are, and which decoders can have them so. */
import { create } from '@bufbuild/protobuf';
import { decoderGraphs } from '../decoder/branches.js';
import type { Decoder } from '../decoder/decoder.js';
import { readGraph } from '../decoder/read.js';
import { type Refusal, refuse } from '../decoder/refuse.js';
import type { OnnxModel } from '../model/codec.js';
import { GraphProtoSchema } from '../proto/onnx_pb.js';

/**
 * What a pruned decoder takes caches for: `growing`, as long as what they hold, or `fixed`, with room for more, as
 * buffers that a runtime writes to in place have.
 */
export type CacheMode = (typeof cacheModes)[number];

/** All of them. */
export const cacheModes = ['growing', 'fixed'] as const;

/**
 * What a decoder can be pruned for its caches to be.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the decoder is not understood
 */
export function cacheModesOf({ graph = create(GraphProtoSchema) }: OnnxModel): CacheMode[] {
  const isFixed = decoderGraphs(graph).every((source) => !fixedFault(readGraph(source)));
  return cacheModes.filter((mode) => mode === 'growing' || isFixed);
}

/**
 * Checks that a decoder can have caches with room for more than they hold.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a layer that takes its cache for as long as it is
 */
export function checkFixedCaches(decoder: Decoder): void {
  const fault = fixedFault(decoder);
  if (fault) refuse(fault);
}

function fixedFault({ graph, layers }: Decoder): Refusal | undefined {
  const expected =
    'attention that is told how many tokens its cache holds, as GroupQueryAttention is, for caches of a fixed length (--cache fixed)';
  for (const [at, { attention, cache }] of layers.entries()) {
    if (!attention) continue;
    const { family, node } = attention.reading;
    const site = { where: `layer ${at + 1}`, expected };
    if (!family.isToldLengths) return { ...site, found: 'a cache that grows by each token', node };
    if (cache && cache.pastKey === undefined) {
      return { ...site, found: 'a decoder that starts without a cache', node };
    }
    for (const past of [cache?.pastKey ?? '', cache?.pastValue ?? '']) {
      const other = graph.uses.get(past)?.find((use) => use.node !== node)?.node;
      if (other) return { ...site, found: `${past}, read besides`, node: other };
    }
  }
  return undefined;
}
