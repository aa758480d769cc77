/**
 * Merged decoders: the whole decoder stands twice inside an `If`, once for prompts and once on top of a
 * cache (Optimum's merged files, `use_cache_branch`). Each branch is read, and rewritten, as a graph of
 * its own that sees the outer graph's inputs and weights.
 */

import { create } from '@bufbuild/protobuf';
import { ports } from '@transprune/core';
import { attribute } from '../graph/graph.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type ValueInfoProto,
} from '../proto/onnx_pb.js';
import { refuse } from './refuse.js';

const branchNames = ['then_branch', 'else_branch'] as const;

/** The `If` that holds the decoder; undefined where the decoder is the graph itself. */
function branching(graph: GraphProto): NodeProto | undefined {
  const node = graph.node.find(
    ({ opType, output }) => opType === 'If' && output.includes(ports.logits),
  );
  if (!node) return undefined;
  const other = graph.node.find((candidate) => candidate !== node);
  if (other) {
    refuse({
      where: 'graph',
      expected: `nothing beside the ${node.opType} that holds the decoder`,
      found: other.opType,
      node: other,
    });
  }
  return node;
}

/**
 * The decoders in a graph: the graph itself, or each branch with what it sees of the outer graph.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if the branches are not all there is
 */
export function decoderGraphs(graph: GraphProto): GraphProto[] {
  const node = branching(graph);
  if (!node) return [graph];
  const infos = new Map(graph.output.map((info) => [info.name, info]));
  return branchNames.map((name) => {
    const branch = attribute(node, name)?.g;
    if (!branch) return refuse({ where: 'graph', expected: name, found: 'none', node });
    const renamed = branch.output.flatMap(({ name: inner }, at) => {
      const outer = node.output[at] ?? inner;
      return inner === outer ? [] : [identity(inner, outer)];
    });
    return create(GraphProtoSchema, {
      ...branch,
      node: [...branch.node, ...renamed],
      input: graph.input,
      initializer: [...graph.initializer, ...branch.initializer],
      output: node.output.flatMap((output) => infos.get(output) ?? []),
    });
  });
}

/**
 * Puts rewritten decoders back where they came from.
 *
 * @param decoders one for each of `decoderGraphs`, with the same inputs and outputs
 */
export function withDecoders(graph: GraphProto, decoders: readonly GraphProto[]): GraphProto {
  const [first] = decoders;
  const node = branching(graph);
  if (!node || !first) return first ?? graph;
  const outer = new Set(graph.initializer.map(({ name }) => name));
  const inBranch = (decoder: GraphProto): GraphProto =>
    create(GraphProtoSchema, {
      ...decoder,
      input: [],
      initializer: decoder.initializer.filter(({ name }) => !outer.has(name)),
    });
  const attributes = node.attribute.map((known): AttributeProto => {
    const decoder = decoders[(branchNames as readonly string[]).indexOf(known.name)];
    return decoder ? create(AttributeProtoSchema, { ...known, g: inBranch(decoder) }) : known;
  });
  const output = first.output.map(({ name }) => name);
  const infos = new Map(first.output.map((info): [string, ValueInfoProto] => [info.name, info]));
  const known = graph.output.map(({ name }) => name);
  const added = output.filter((name) => !known.includes(name));
  return create(GraphProtoSchema, {
    ...graph,
    node: [create(NodeProtoSchema, { ...node, output, attribute: attributes })],
    input: first.input,
    output: [...known, ...added].flatMap((name) => infos.get(name) ?? []),
    valueInfo: [],
  });
}

function identity(input: string, output: string): NodeProto {
  return create(NodeProtoSchema, {
    opType: 'Identity',
    name: output,
    input: [input],
    output: [output],
  });
}
