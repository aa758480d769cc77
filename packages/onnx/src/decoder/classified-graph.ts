/** A graph with what its values depend on, made once for each graph that is read. */

import { create } from '@bufbuild/protobuf';
import { type GraphIndex, indexGraph, type Use } from '../graph/graph.js';
import { sortNodes } from '../graph/sort.js';
import { upstreamNodes, walk } from '../graph/walk.js';
import { type GraphProto, GraphProtoSchema } from '../proto/onnx_pb.js';
import { classify, type Kind } from './kinds.js';

/**
 * A graph whose values are classified; its nodes are in order, each after those that it reads. Nodes that no output
 * is made of are left out.
 */
export interface ClassifiedGraph extends GraphIndex {
  kindOf(name: string): Kind;
}

/**
 * Classifies a graph.
 *
 * @param isToken whether an input holds tokens: embeddings and caches
 * @throws TransPruneError INVALID_MODEL if the graph has a cycle
 */
export function classifiedGraph(
  source: GraphProto,
  isToken: (name: string) => boolean,
): ClassifiedGraph {
  const outputs = source.output.map(({ name }) => name);
  const sorted = sortNodes(source.node);
  const made = new Set(sorted.flatMap(({ output }) => output));
  // The leading layers of a decoder that is read in part lack an output; what reads them is needed.
  const isWhole = outputs.every((name) => made.has(name));
  const node = isWhole ? upstreamNodes(sorted, outputs) : sorted;
  const graph = create(GraphProtoSchema, { ...source, node });
  const index = indexGraph(graph);
  const kindOf = classify(graph.node, (name) => index.initializer.has(name), isToken);
  return { ...index, kindOf };
}

/** The inputs of the node that makes a value, as far as they are of one kind. */
export function inputsOf(graph: ClassifiedGraph, name: string, kind: Kind): string[] {
  return (graph.producer.get(name)?.input ?? []).filter((input) => graph.kindOf(input) === kind);
}

/**
 * A value, and the values of tokens that it is made of, each once.
 *
 * @param isEnd whether to look no further behind a value
 */
export function tokensBehind(
  graph: ClassifiedGraph,
  value: string,
  isEnd: (name: string) => boolean = () => false,
): Iterable<string> {
  return walk([value], (name) => (isEnd(name) ? [] : inputsOf(graph, name, 'token')));
}

/** Where the numbers of a value are read, once for each input; a shape holds sizes alone. */
export const numberUses = (graph: ClassifiedGraph, name: string): Use[] =>
  (graph.uses.get(name) ?? []).filter(({ node }) => node.opType !== 'Shape');

/** What the numbers of a derived value are made of; a shape holds sizes alone. */
export function madeOf(graph: ClassifiedGraph, name: string): string[] {
  return graph.producer.get(name)?.opType === 'Shape' ? [] : inputsOf(graph, name, 'derived');
}
