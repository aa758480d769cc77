/** How many heads there are and how large they are, where the graph does not declare it. */
import type { AttentionShape } from '@transprune/core';
import { outputAt, valueShape } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { LayerCacheNames } from '../decoder.js';
import { type Linear, linearInto } from '../linear.js';
import { refuse } from '../refuse.js';
import type { Path } from './path.js';

/** Sizes of attention's heads. */
export type HeadSizes = Pick<AttentionShape, 'heads' | 'kvHeads' | 'headDim' | 'valueDim'>;

/** Key-value heads and head sizes, as the cache is declared. */
export function cacheSizes(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  where: string,
): Omit<HeadSizes, 'heads'> {
  const declared = declaredCache(graph, cache.pastKey, cache.presentKey);
  const [, kvHeads, , headDim] = declared;
  if (typeof kvHeads !== 'number' || typeof headDim !== 'number') {
    return refuse({
      where,
      expected: `${cache.pastKey ?? cache.presentKey} [batch, heads, tokens, head size] with both sizes as numbers`,
      found: `[${declared.map((size) => size ?? '?').join(', ')}]`,
    });
  }
  const [, , , valueDim] = declaredCache(graph, cache.pastValue, cache.presentValue);
  const isOther = typeof valueDim === 'number' && valueDim > 0 && valueDim !== headDim;
  return { kvHeads, headDim, ...(isOther && { valueDim }) };
}

/** The same with query heads, where no node tells them. */
export function headSizes(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  node: NodeProto,
  where: string,
): HeadSizes {
  const sizes = cacheSizes(graph, cache, where);
  const { headDim, valueDim = headDim } = sizes;
  return { ...sizes, heads: queryHeads(graph, node, valueDim, where) };
}

/** What a node that knows its heads, but not their size, was read to. */
export interface HeadSite {
  readonly node: NodeProto;
  readonly cache: LayerCacheNames;
  /** The ways to queries and, where they are not packed with them, to keys. */
  readonly paths: readonly Path[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly where: string;
}

/**
 * The head size of a node that is told its heads: as the cache declares it, or of what keys are projected to
 * where the cache has a symbol. A rotary embedding may turn a part of a head only, so it tells nothing.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if nothing tells it
 */
export function headSize(graph: ClassifiedGraph, site: HeadSite): number {
  const { node, cache, paths, heads, kvHeads, where } = site;
  const [, , , declared] = declaredCache(graph, cache.pastKey, cache.presentKey);
  if (typeof declared === 'number' && declared > 0) return declared;
  const [queries, keys] = paths.map(({ projections: [projection] }) => projection);
  const isPacked = keys === undefined || keys.output === queries?.output;
  const features = (isPacked ? queries : keys)?.outFeatures ?? 0;
  const count = isPacked ? heads + 2 * kvHeads : kvHeads;
  const size = features / count;
  if (size > 0 && Number.isInteger(size)) return size;
  return refuse({
    where,
    expected: `keys projected to a number of features that ${count} heads divide, as ${cache.pastKey ?? cache.presentKey} does not declare the head size`,
    found: `${features}`,
    node,
  });
}

/**
 * Number of query heads: what attention gives to its last projection has a value of each.
 *
 * @param node the attention's, or the first of several
 * @param valueDim size of a head's values
 */
export function queryHeads(
  graph: ClassifiedGraph,
  node: NodeProto,
  valueDim: number,
  where: string,
): number {
  return outputLinear(graph, node, where).inFeatures / valueDim;
}

/**
 * Attention's last projection: it reads a value of each query head. The projection of queries may hold more, a gate of
 * the output.
 *
 * @param node the attention's, or the first of several
 */
export function outputLinear(graph: ClassifiedGraph, node: NodeProto, where: string): Linear {
  const open = [outputAt(node, 0) ?? ''];
  const seen = new Set(open);
  // First to last: the nearest projection is the attention's own.
  for (const value of open) {
    for (const { node: reader } of graph.uses.get(value) ?? []) {
      const [made = ''] = reader.output;
      if (reader.opType === 'Shape' || seen.has(made)) continue;
      const linear = linearInto(graph, made);
      if (linear && seen.has(linear.input)) return linear;
      seen.add(made);
      open.push(made);
    }
  }
  return refuse({ where, expected: 'a projection after attention', found: 'none', node });
}

function declaredCache(graph: ClassifiedGraph, past: string | undefined, present: string) {
  const output = graph.graph.output.find(({ name }) => name === present);
  return valueShape(graph.input.get(past ?? '') ?? output);
}
