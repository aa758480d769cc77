/** How new keys and values join the cache, where nodes of their own do it. */
import { type GraphIndex, inputAt, makers, outputAt, type Use } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { ClassifiedGraph } from '../classified-graph.js';
import type { LayerCacheNames } from '../decoder.js';
import { carriers } from '../operators.js';

/** True for nodes that give their input out as it is, or in another precision. */
function isCopy({ opType, input }: NodeProto): boolean {
  return opType === 'Identity' || opType === 'Cast' || (opType === 'Concat' && input.length === 1);
}

/** What a value is a copy of. */
export function originalOf(graph: GraphIndex, value: string): string {
  let name = value;
  for (const node of makers(graph, value)) {
    if (!isCopy(node)) break;
    name = inputAt(node, 0) ?? '';
  }
  return name;
}

/** The node that makes a value, copies of it left aside. */
export function makerOf(graph: GraphIndex, value: string): NodeProto | undefined {
  return graph.producer.get(originalOf(graph, value)) ?? graph.producer.get(value);
}

/**
 * What is appended to a cache to make the present one: the other input of the node that joins the two,
 * or all of it in a graph that starts without a cache.
 */
export function appended(
  graph: GraphIndex,
  present: string,
  past: string | undefined,
): string | undefined {
  if (past === undefined) return present;
  const node = makerOf(graph, present);
  const [before = '', added, more] = node?.opType === 'Concat' ? node.input : [];
  return originalOf(graph, before) === past && more === undefined ? added : undefined;
}

/** What a value is, before operators that only carry it, and copies of that. */
export function carriedFrom(graph: ClassifiedGraph, value: string): string {
  let name = value;
  for (const node of makers(graph, value)) {
    if (!carriers.has(node.opType)) break;
    name = inputAt(node, 0) ?? '';
  }
  return name;
}

/** The nodes that read, as keys, what a node carries that reads a lender's present key; the node itself may be one. */
export function readersOfBorrowed(graph: ClassifiedGraph, node: NodeProto): NodeProto[] {
  if (!carriers.has(node.opType)) return [node];
  return readersOf(graph, outputAt(node, 0) ?? '').flatMap((use) =>
    use.input === 1 ? use.node : [],
  );
}

/** True for keys and values that are both a lender's present ones. */
export function areBorrowed(
  graph: ClassifiedGraph,
  lender: LayerCacheNames,
  [keys, values]: readonly [keys: string, values: string],
): boolean {
  const isOf = (value: string, present: string) =>
    carriedFrom(graph, value) === carriedFrom(graph, present);
  return isOf(keys, lender.presentKey) && isOf(values, lender.presentValue);
}

/**
 * The node of some kind that reads a layer's present keys or values: of several the first, as those that borrow
 * them come after it.
 */
export function ownReader(
  graph: ClassifiedGraph,
  value: string,
  isReader: (node: NodeProto) => boolean,
): Use | undefined {
  const uses = readersOf(graph, value).filter(({ node }) => isReader(node));
  if (uses.length < 2) return uses[0];
  const first = graph.graph.node.find((node) => uses.some((use) => use.node === node));
  return uses.find(({ node }) => node === first);
}

/** Where a value is read in the end, after operators that only carry it. */
function readersOf(graph: ClassifiedGraph, value: string): Use[] {
  const open = [value];
  const reads: Use[] = [];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const use of graph.uses.get(name) ?? []) {
      const carried = use.node.input.filter((input) => graph.kindOf(input) === 'token');
      if (carriers.has(use.node.opType) && carried.length === 1) {
        open.push(outputAt(use.node, 0) ?? '');
      } else reads.push(use);
    }
  }
  return reads;
}
