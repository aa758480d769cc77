/**
 * The graph that the passes work on: its own nodes, copied so that they can be changed, and copies of
 * what lies between projections and what attention takes, so that the score reads every token while the
 * layer itself goes on with those that stay.
 */
import { create } from '@bufbuild/protobuf';
import type { AngleRead, Decoder } from '../decoder/decoder.js';
import { classify, type Kind } from '../decoder/kinds.js';
import type { Emitter } from '../graph/emitter.js';
import { producersOf } from '../graph/graph.js';
import { type GraphProto, type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.js';

/** Nodes of the graph that the passes may change, and what is known of them. */
export interface WorkingGraph {
  /** The graph's own nodes, copied, each behind those that it reads. */
  readonly nodes: NodeProto[];
  /** For each stage, copies of nodes that read the tokens in front of the prune, for the score. */
  readonly regions: NodeProto[][];
  /** The original node's copy. */
  copyOf(node: NodeProto): NodeProto;
  readonly producer: ReadonlyMap<string, NodeProto>;
  kindOf(name: string): Kind;
  /** For each node that reads angles: the values, and the axis of the tokens. */
  readonly angles: Map<NodeProto, Map<string, number>>;
}

/** Copies a graph's nodes. */
export function workingGraph(graph: GraphProto, decoder: Decoder): WorkingGraph {
  const copies = new Map(
    graph.node.map((node) => [node, create(NodeProtoSchema, { ...node, input: [...node.input] })]),
  );
  const nodes = [...copies.values()];
  const copyOf = (node: NodeProto) => copies.get(node) ?? node;
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const pasts = decoder.layers.flatMap(({ cache }) => [cache.pastKey, cache.pastValue]);
  const tokens = new Set([decoder.inputs.embeddings, ...pasts]);
  const working: WorkingGraph = {
    nodes,
    regions: [],
    copyOf,
    // As the graph came: the score copies nodes before the cut rewires them.
    producer: producersOf(graph.node),
    kindOf: classify(
      graph.node,
      (name) => initializers.has(name),
      (name) => tokens.has(name),
    ),
    angles: new Map(),
  };
  for (const { attention } of decoder.layers) {
    for (const angle of attention.reading.angles) {
      noteAngle(working, angle);
      noteAngle(working, { ...angle, node: copyOf(angle.node) });
    }
  }
  return working;
}

/** Notes that a node reads angles. */
export function noteAngle(graph: WorkingGraph, { node, value, axis }: AngleRead): void {
  const known = graph.angles.get(node) ?? new Map<string, number>();
  graph.angles.set(node, known.set(value, axis));
}

/**
 * Adds nodes to the graph in front of one of its own.
 *
 * @param make emits them
 * @returns the nodes
 */
export function insertBefore(
  graph: WorkingGraph,
  emitter: Emitter,
  node: NodeProto,
  make: () => void,
): NodeProto[] {
  const first = emitter.nodes.length;
  make();
  const added = emitter.nodes.splice(first);
  graph.nodes.splice(graph.nodes.indexOf(node), 0, ...added);
  return added;
}

/**
 * Copies what lies behind a value.
 *
 * @param boundary values that are read as they are
 * @param stage the stage that scores
 * @param suffix makes the copies' names
 * @returns the value's copy, or the value itself if nothing lies in between
 */
export function copyRegion(
  graph: WorkingGraph,
  value: string,
  boundary: ReadonlySet<string>,
  stage: number,
  suffix: string,
): string {
  const region = graph.regions[stage] ?? [];
  graph.regions[stage] = region;
  const made = new Set(region.flatMap(({ output }) => output));
  const reaches = reachesAny(graph, boundary);
  const copy = (name: string): string => {
    const node = graph.producer.get(name);
    if (boundary.has(name) || !node || !reaches(name)) return name;
    const output = node.output.map((value) => (value ? `${value}/${suffix}` : ''));
    const copied = output[node.output.indexOf(name)] ?? '';
    if (made.has(copied)) return copied;
    const input = node.input.map(copy);
    const copiedNode = create(NodeProtoSchema, { ...node, name: output[0] ?? '', input, output });
    for (const [angle, axis] of graph.angles.get(node) ?? []) {
      noteAngle(graph, { node: copiedNode, value: angle, axis });
    }
    region.push(copiedNode);
    for (const value of output) made.add(value);
    return copied;
  };
  return copy(value);
}

/** Whether a value depends on any of some others, be it for their shape. */
function reachesAny(graph: WorkingGraph, targets: ReadonlySet<string>): (value: string) => boolean {
  const known = new Map<string, boolean>();
  const reaches = (name: string): boolean => {
    const answer = known.get(name);
    if (answer !== undefined) return answer;
    known.set(name, false);
    const inputs = graph.producer.get(name)?.input ?? [];
    const found = targets.has(name) || inputs.some((input) => input !== '' && reaches(input));
    known.set(name, found);
    return found;
  };
  return reaches;
}
