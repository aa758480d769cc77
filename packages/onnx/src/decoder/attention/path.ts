/**
 * The way from the projections to what attention takes: splitting into heads, norms of queries and
 * keys, rotary embedding.
 */
import { attribute, constantShape, inputAt, makers, valueShape } from '../../graph/graph.js';
import { walk } from '../../graph/walk.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import { type ClassifiedGraph, inputsOf, madeOf, tokensBehind } from '../classified-graph.js';
import type { AngleRead } from '../decoder.js';
import { type Linear, linearInto } from '../linear.js';
import { pathOperators } from '../operators.js';
import { refuse } from '../refuse.js';
import { sizesOf } from '../sizes-of.js';

/** What lies between projections and a value. */
export interface Path {
  readonly projections: readonly Linear[];
  readonly angles: readonly AngleRead[];
}

/**
 * Follows a value back to the projections that it is made of.
 *
 * @param pasts the caches that the value may be made of besides
 * @throws TransPruneError UNSUPPORTED_MODEL if something on the way is not understood
 */
export function pathTo(
  graph: ClassifiedGraph,
  value: string,
  where: string,
  pasts: readonly string[] = [],
): Path {
  const projections: Linear[] = [];
  const angles: AngleRead[] = [];
  const isProjection = (name: string) => linearInto(graph, name) !== undefined;
  for (const name of tokensBehind(graph, value, isProjection)) {
    if (pasts.includes(name)) continue;
    const linear = linearInto(graph, name);
    if (linear) {
      projections.push(linear);
      continue;
    }
    const node = graph.producer.get(name);
    if (!node || !pathOperators.has(node.opType)) {
      refuse({
        where,
        expected: 'queries, keys and values to be linear projections of the norm',
        found: node?.opType ?? name,
        node,
      });
    }
    for (const input of inputsOf(graph, name, 'derived')) {
      const axis = angleAxis(graph, node, input);
      if (axis !== undefined) angles.push({ node, value: input, axis });
    }
  }
  return { projections, angles };
}

/** The axis of the tokens in angles or positions that a node reads; undefined for anything else. */
function angleAxis(
  graph: ClassifiedGraph,
  node: NodeProto,
  value: string,
): AngleRead['axis'] | undefined {
  if (node.opType === 'RotaryEmbedding') {
    const positions = inputAt(node, node.domain === '' ? 3 : 1);
    // Without positions the standard operator takes angles that are looked up: [batch, tokens, half].
    if (positions === undefined) return 1;
    const angles = node.input.slice(1).filter((name) => name !== '' && name !== positions);
    // Angles of each token, [batch * tokens, half], are read by their places: their rows are gathered.
    if (countsTokens(graph, positions) && angles.some((name) => readsInputs(graph, name))) {
      return positions === value ? 'places' : 0;
    }
    return positions === value ? -1 : 'table';
  }
  if (node.opType !== 'Mul' || !isAngle(graph, value)) return undefined;
  const rotated = node.input.find((name) => graph.kindOf(name) === 'token') ?? '';
  return splitIntoHeads(graph, rotated) === 'tokens first' ? -3 : -2;
}

/** True for places among a call's tokens: made of their number alone, not of positions or of a cache's length. */
function countsTokens(graph: ClassifiedGraph, value: string): boolean {
  if (readsInputs(graph, value)) return false;
  const shaped = (name: string) => {
    const node = graph.producer.get(name);
    return node?.opType === 'Shape' ? (inputAt(node, 0) ?? '') : undefined;
  };
  for (const name of walk([value], (name) => inputsOf(graph, name, 'derived'))) {
    const source = shaped(name);
    // A cache is an input of tokens that is no embeddings: of four axes.
    if (source !== undefined && valueShape(graph.input.get(source)).length === 4) return false;
  }
  return true;
}

/** True for what is made of numbers in the graph's inputs, not of their sizes alone. */
function readsInputs(graph: ClassifiedGraph, value: string): boolean {
  for (const name of walk([value], (from) => madeOf(graph, from))) {
    if (graph.input.has(name)) return true;
  }
  return false;
}

/** True for what is made of cosines and sines, or looked up in a constant table. */
function isAngle(graph: ClassifiedGraph, value: string): boolean {
  for (const name of walk([value], (from) => madeOf(graph, from))) {
    const node = graph.producer.get(name);
    if (!node || node.opType === 'Shape') continue;
    if (node.opType === 'Cos' || node.opType === 'Sin') return true;
    if (!node.opType.startsWith('Gather')) continue;
    const table = constantShape(graph, tableOf(graph, inputAt(node, 0) ?? ''));
    if ((table?.length ?? 0) >= 2) return true;
  }
  return false;
}

/** Copies of a table: a part of it, or all of it for each row of a batch. */
const tableCopies: ReadonlySet<string> = new Set([
  'Cast',
  'Expand',
  'Identity',
  'Slice',
  'Tile',
  'Unsqueeze',
]);

/** The table that a value is a copy of. */
function tableOf(graph: ClassifiedGraph, value: string): string {
  let name = value;
  for (const node of makers(graph, value)) {
    if (!tableCopies.has(node.opType)) break;
    name = inputAt(node, 0) ?? '';
  }
  return name;
}

/** True for a Reshape to `[batch, 1, tokens, features]`. */
function isOneHeadFirst(graph: ClassifiedGraph, node: NodeProto): boolean {
  const sizes = sizesOf(graph, inputAt(node, 1) ?? '', () => undefined);
  return sizes?.length === 4 && sizes[1] === 1;
}

/**
 * How a value on the way from a projection is split into heads: `tokens first` as `[batch, tokens, heads, head_dim]`,
 * `heads first` as `[batch, heads, tokens, head_dim]`, or not at all, `[batch, tokens, features]`.
 */
function splitIntoHeads(
  graph: ClassifiedGraph,
  value: string,
): 'tokens first' | 'heads first' | undefined {
  let isSplit = false;
  let headsAreFirst = false;
  for (let name: string | undefined = value; name !== undefined; ) {
    const node: NodeProto | undefined = linearInto(graph, name)
      ? undefined
      : graph.producer.get(name);
    if (!node) break;
    // A pair of features that is put together again is another Reshape than the one that splits.
    if (node.opType === 'Reshape' || node.opType === 'Transpose') isSplit = true;
    if (attribute(node, 'perm')?.ints.join() === '0,2,1,3') headsAreFirst = !headsAreFirst;
    // One head for all: nothing is transposed.
    if (node.opType === 'Reshape' && isOneHeadFirst(graph, node)) headsAreFirst = !headsAreFirst;
    name = node.input.find((input) => graph.kindOf(input) === 'token');
  }
  if (!isSplit) return undefined;
  return headsAreFirst ? 'heads first' : 'tokens first';
}
