/** How many heads there are and how large they are, where the graph does not declare it. */
import { outputAt, valueShape } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { LayerCacheNames } from '../decoder.js';
import { linearInto } from '../linear.js';
import { refuse } from '../refuse.js';
import type { Path } from './path.js';

/** Key-value heads and head size, as the cache is declared. */
export function cacheSizes(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  where: string,
): { kvHeads: number; headDim: number } {
  const declared = declaredCache(graph, cache);
  const [, kvHeads, , headDim] = declared;
  if (typeof kvHeads !== 'number' || typeof headDim !== 'number') {
    return refuse({
      where,
      expected: `${cache.pastKey ?? cache.presentKey} [batch, heads, tokens, head size] with both sizes as numbers`,
      found: `[${declared.map((size) => size ?? '?').join(', ')}]`,
    });
  }
  return { kvHeads, headDim };
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
  const [, , , declared] = declaredCache(graph, cache);
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
 * Number of query heads: as wide as what attention gives to its last projection. The projection of queries
 * may hold more, a gate of the output.
 *
 * @param node the attention's, or the first of several
 */
export function queryHeads(
  graph: ClassifiedGraph,
  node: NodeProto,
  headDim: number,
  where: string,
): number {
  const open = [outputAt(node, 0) ?? ''];
  const seen = new Set(open);
  // First to last: the nearest projection is the attention's own.
  for (const value of open) {
    for (const { node: reader } of graph.uses.get(value) ?? []) {
      const [made = ''] = reader.output;
      if (reader.opType === 'Shape' || seen.has(made)) continue;
      const linear = linearInto(graph, made);
      if (linear && seen.has(linear.input)) return linear.inFeatures / headDim;
      seen.add(made);
      open.push(made);
    }
  }
  return refuse({ where, expected: 'a projection after attention', found: 'none', node });
}

function declaredCache(graph: ClassifiedGraph, { pastKey, presentKey }: LayerCacheNames) {
  const present = graph.graph.output.find(({ name }) => name === presentKey);
  return valueShape(graph.input.get(pastKey ?? '') ?? present);
}
