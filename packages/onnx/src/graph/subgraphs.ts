/** Graphs inside nodes: the branches of an `If`. They read values of the graph around them by name. */
import { create } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
} from '../proto/onnx_pb.js';

/** The graphs that a node holds. */
export function graphsIn(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}

/** A graph and those inside it. */
export function* allGraphs(graph: GraphProto): Iterable<GraphProto> {
  const open = [graph];
  for (let own = open.pop(); own; own = open.pop()) {
    yield own;
    open.push(...own.node.flatMap(graphsIn));
  }
}

/** The nodes of a graph, each followed by those of the graphs inside it. */
export function allNodes(graph: Pick<GraphProto, 'node'>): NodeProto[] {
  const all: NodeProto[] = [];
  const open = [...graph.node].reverse();
  for (let node = open.pop(); node; node = open.pop()) {
    all.push(node);
    const inner = graphsIn(node).flatMap((own) => own.node);
    open.push(...inner.reverse());
  }
  return all;
}

/** Every value that a node reads: its inputs, and what the graphs inside it read from outside. */
export function readsOf(node: NodeProto): string[] {
  const graphs = graphsIn(node);
  if (graphs.length === 0) return node.input;
  const inside = new Set<string>();
  const read = new Set(node.input);
  for (let graph = graphs.pop(); graph; graph = graphs.pop()) {
    for (const { name } of [...graph.input, ...graph.initializer]) inside.add(name);
    for (const { name } of graph.output) read.add(name);
    for (const own of graph.node) {
      for (const name of own.output) inside.add(name);
      for (const name of own.input) read.add(name);
      graphs.push(...graphsIn(own));
    }
  }
  return [...read].filter((name) => !inside.has(name));
}

/** Changes a graph, given the graphs around it from the outermost on; gives back what it leaves as it is. */
export type GraphChange = (graph: GraphProto, around: readonly GraphProto[]) => GraphProto;

/** Changes a graph and those inside it, the innermost first. What is not changed is shared. */
export function mapGraphs(
  graph: GraphProto,
  change: GraphChange,
  around: readonly GraphProto[] = [],
): GraphProto {
  const scope = [...around, graph];
  const node = graph.node.map((own) => {
    if (graphsIn(own).length === 0) return own;
    const attribute = own.attribute.map((known) =>
      known.g
        ? create(AttributeProtoSchema, { ...known, g: mapGraphs(known.g, change, scope) })
        : known,
    );
    const isSame = attribute.every(({ g }, at) => g === own.attribute[at]?.g);
    return isSame ? own : create(NodeProtoSchema, { ...own, attribute });
  });
  const isSame = node.every((own, at) => own === graph.node[at]);
  return change(isSame ? graph : create(GraphProtoSchema, { ...graph, node }), around);
}
