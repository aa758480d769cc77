/**
 * The graph that the passes work on: its own nodes, copied so that they can be changed, and copies of
 * what lies between projections and what attention takes, so that the score reads every token while the
 * layer itself goes on with those that stay.
 */
import { create } from '@bufbuild/protobuf';
import type { AngleRead, Decoder } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { walk } from '../graph/walk.js';
import { type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.js';

/** Nodes of the graph that the passes may change, and what is known of them. */
export interface WorkingGraph {
  /** The graph's own nodes, copied, each after those that it reads. */
  readonly nodes: NodeProto[];
  /** For each stage, copies of nodes that read the tokens before the prune, for the score. */
  readonly regions: NodeProto[][];
  /** The original node's copy. */
  copyOf(node: NodeProto): NodeProto;
  /** The nodes as they came, each after those that it reads. */
  readonly sorted: readonly NodeProto[];
  /** Of those. */
  readonly producer: ReadonlyMap<string, NodeProto>;
  /** For each node that reads angles: the values, and the axis of the tokens. */
  readonly angles: Map<NodeProto, Map<string, AngleRead['axis']>>;
  /** For each node that reads features of each token, tokens along axis 1: these, and its layer, from 0. */
  readonly perToken: ReadonlyMap<NodeProto, { readonly value: string; readonly layer: number }>;
}

/** Copies a decoder's nodes. */
export function workingGraph(decoder: Decoder): WorkingGraph {
  const { graph, producer } = decoder.graph;
  const copies = new Map(
    graph.node.map((node) => [node, create(NodeProtoSchema, { ...node, input: [...node.input] })]),
  );
  const copyOf = (node: NodeProto) => copies.get(node) ?? node;
  const working: WorkingGraph = {
    nodes: [...copies.values()],
    regions: [],
    copyOf,
    // As the graph came: the score copies nodes before the cut rewires them.
    sorted: graph.node,
    producer,
    angles: new Map(),
    perToken: new Map(
      [...decoder.injections, ...decoder.features].map((read) => [copyOf(read.node), read]),
    ),
  };
  for (const { attention } of decoder.layers) {
    for (const angle of attention?.reading.angles ?? []) {
      noteAngle(working, angle);
      noteAngle(working, { ...angle, node: copyOf(angle.node) });
    }
  }
  return working;
}

/** Notes that a node reads angles. */
export function noteAngle(graph: WorkingGraph, { node, value, axis }: AngleRead): void {
  const known = graph.angles.get(node) ?? new Map<string, AngleRead['axis']>();
  graph.angles.set(node, known.set(value, axis));
}

/**
 * Adds nodes to the graph before one of its own.
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
 * Copies what lies between a value and others.
 *
 * @param boundary values that are read as they are
 * @param emitter takes the copies
 * @param stage the stage that scores
 * @param suffix makes the copies' names
 * @returns the value's copy, or the value itself if nothing lies in between
 */
export function copyRegion(
  graph: WorkingGraph,
  value: string,
  boundary: ReadonlySet<string>,
  emitter: Emitter,
  stage: number,
  suffix: string,
): string {
  const region = graph.regions[stage] ?? [];
  graph.regions[stage] = region;
  const made = new Set(region.flatMap(({ output }) => output));
  const inBetween = nodesBetween(graph, value, boundary);
  const copied = (name: string) => {
    const node = graph.producer.get(name);
    return node && inBetween.has(node) && !boundary.has(name) ? `${name}/${suffix}` : name;
  };
  for (const node of inBetween) {
    const output = node.output.map((name) => (name ? `${name}/${suffix}` : ''));
    if (output.some((name) => made.has(name))) continue;
    const input = node.input.map(copied);
    const copy = create(NodeProtoSchema, { ...node, name: output[0] ?? '', input, output });
    for (const [angle, axis] of graph.angles.get(node) ?? []) {
      noteAngle(graph, { node: copy, value: angle, axis });
    }
    region.push(copy);
    emitter.add(copy);
  }
  return copied(value);
}

/** Nodes that a value is made of and that depend on any of some others, be it for their shape; in order. */
function nodesBetween(
  graph: WorkingGraph,
  value: string,
  boundary: ReadonlySet<string>,
): ReadonlySet<NodeProto> {
  const upstream = new Set<NodeProto>();
  const inputsOf = (name: string) =>
    boundary.has(name) ? [] : (graph.producer.get(name)?.input ?? []);
  for (const name of walk([value], inputsOf)) {
    const node = boundary.has(name) ? undefined : graph.producer.get(name);
    if (node) upstream.add(node);
  }
  const reaching = new Set(boundary);
  const found = new Set<NodeProto>();
  for (const node of graph.sorted) {
    if (!upstream.has(node) || !node.input.some((name) => reaching.has(name))) continue;
    found.add(node);
    for (const name of node.output) reaching.add(name);
  }
  return found;
}
