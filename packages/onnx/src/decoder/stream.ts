/**
 * The residual stream: where modules' outputs are added to it, and the norms that read it. Norms are
 * not told apart; whatever maps each token for itself between the stream and a projection is one.
 */
import {
  attribute,
  constantTensor,
  type GraphIndex,
  inputAt,
  integerAttribute,
  integersOf,
  makers,
  outputAt,
  valueShape,
} from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { type ClassifiedGraph, madeOf, tokensBehind } from './classified-graph.js';
import { fusedJoins, normOperators } from './operators.js';
import { refuse } from './refuse.js';

/** A place where a module's output is added to the stream. */
export interface Join {
  /** The node that adds. */
  readonly node: NodeProto;
  /** The module's output, the other term of the sum. */
  readonly moduleOutput: string;
  /** The sum; undefined if the fused node does not give it out (after the last layer). */
  readonly stream: string | undefined;
  /** The sum after the norm, where one fused node does both. */
  readonly normed: string | undefined;
}

/** The next join of a stream; undefined after the last layer. */
export function joinOf(graph: ClassifiedGraph, stream: string, where: string): Join | undefined {
  const joins = (graph.uses.get(stream) ?? []).filter(
    ({ node, input }) =>
      input < 2 &&
      (fusedJoins.has(node.opType) || node.opType === 'Add') &&
      graph.kindOf(node.input[1 - input] ?? '') === 'token',
  );
  const [use, second] = joins;
  if (!use) return undefined;
  if (second) {
    refuse({
      where,
      expected: 'the residual stream to be added to once before the next norm',
      found: `${joins.length} adds that read it`,
      node: second.node,
    });
  }
  const { node, input } = use;
  const moduleOutput = inputAt(node, 1 - input) ?? '';
  if (!fusedJoins.has(node.opType)) return { node, moduleOutput, ...sumOf(node) };
  const bias = node.opType === 'SkipLayerNormalization' ? inputAt(node, 4) : inputAt(node, 3);
  if (bias !== undefined) {
    refuse({ where, expected: `${node.opType} without a bias`, found: bias, node });
  }
  return { node, moduleOutput, ...sumOf(node) };
}

/** What a join gives: the sum, and its norm where one fused node does both. */
function sumOf(node: NodeProto): Pick<Join, 'stream' | 'normed'> {
  return fusedJoins.has(node.opType)
    ? { stream: outputAt(node, 3), normed: outputAt(node, 0) }
    : { stream: outputAt(node, 0), normed: undefined };
}

/**
 * The stream as the next join reads it: a value itself, or what it is cast or scaled to (embeddings,
 * by a constant). Undefined if nothing is added to it any more.
 */
export function streamFrom(
  graph: ClassifiedGraph,
  value: string,
  where: string,
): string | undefined {
  // Last to first: the walk goes on with what it was given last.
  const carried = (name: string) =>
    [...(graph.uses.get(name) ?? [])].reverse().flatMap(({ node, input }) => {
      const isByNoToken = graph.kindOf(node.input[1 - input] ?? '') !== 'token';
      const isScale =
        isByNoToken && (node.opType === 'Mul' || (node.opType === 'Div' && input === 0));
      const isCopy = node.opType === 'Cast' || node.opType === 'Identity';
      return isScale || isCopy ? (outputAt(node, 0) ?? []) : [];
    });
  for (const name of walk([value], carried)) if (joinOf(graph, name, where)) return name;
  return undefined;
}

/** Values of the graph's inputs that are added to the stream between modules: DeepStack's features. */
export interface Injection {
  readonly node: NodeProto;
  /** What is added, `[batch, tokens, hidden]`. */
  readonly value: string;
  /** The input that it is taken from. */
  readonly input: string;
  /** The layer before it, counted from 0. */
  readonly layer: number;
  /** The sum, and its norm where one fused node does both. */
  readonly stream: string | undefined;
  readonly normed: string | undefined;
}

/** What is added to a stream after a layer by the values of an input; undefined if there is none. */
export function injectionOf(
  graph: ClassifiedGraph,
  stream: string,
  layer: number,
): Injection | undefined {
  for (const { node, input } of graph.uses.get(stream) ?? []) {
    const value = node.input[1 - input];
    const isAdd = input < 2 && (fusedJoins.has(node.opType) || node.opType === 'Add');
    if (!isAdd || value === undefined || graph.kindOf(value) !== 'derived') continue;
    for (const name of walk([value], (from) => madeOf(graph, from))) {
      if (!graph.input.has(name)) continue;
      return { node, value, input: name, layer, ...sumOf(node) };
    }
  }
  return undefined;
}

/**
 * True for what has an input's tokens along axis 1: `[batch, tokens, hidden]` itself, or one of several
 * `[several, batch, tokens, hidden]`.
 */
export function isPerToken(graph: ClassifiedGraph, { value, input }: Injection): boolean {
  const { length: rank } = valueShape(graph.input.get(input));
  let taken = 0;
  for (const node of makers(graph, value)) {
    if (node.opType === 'Cast' || node.opType === 'Identity') continue;
    const isFirstAxis = node.opType === 'Gather' && integerAttribute(node, 'axis', 0) === 0;
    if (!isFirstAxis || !isConstantScalar(graph, inputAt(node, 1) ?? '')) return false;
    taken += 1;
  }
  return rank - taken === 3;
}

/** True for an index of one place that is the same in every call. */
export function isConstantScalar(graph: GraphIndex, name: string): boolean {
  const node = graph.producer.get(name);
  if (node?.opType === 'Constant' && attribute(node, 'value_int')) return true;
  return constantTensor(graph, name)?.dims.length === 0;
}

/** Where a norm starts. */
export interface NormSource {
  /** The stream, under each name that it has: as it was summed, as it was cast. */
  readonly streams: readonly string[];
  /** The norm's output, where one fused node adds and norms. */
  readonly normed: string | undefined;
}

/**
 * Checks that a value is a norm of the stream: made of it, token by token, by nothing else than a
 * norm's operators. The stream itself will do where norms stand behind the modules only (OLMo 2, EXAONE 4).
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the first node that is none of a norm
 */
export function checkNorm(
  graph: ClassifiedGraph,
  value: string,
  { streams, normed }: NormSource,
  where: string,
): void {
  const stranger = strangerToNorm(graph, value, { streams, normed });
  if (!stranger) return;
  refuse({
    where,
    expected: 'a norm between the residual stream and the projections',
    found: stranger.node?.opType ?? stranger.name,
    node: stranger.node,
  });
}

/** The first value between the stream and a norm of it that is none of a norm's; undefined for norms. */
export function strangerToNorm(
  graph: ClassifiedGraph,
  value: string,
  { streams, normed }: NormSource,
): { readonly name: string; readonly node: NodeProto | undefined } | undefined {
  const isStart = (name: string) => streams.includes(name) || name === normed;
  for (const name of tokensBehind(graph, value, isStart)) {
    if (isStart(name)) continue;
    const node = graph.producer.get(name);
    if (!node || !normOperators.has(node.opType) || !reducesFeatures(graph, node)) {
      return { name, node };
    }
  }
  return undefined;
}

/** True for nodes that reduce nothing, or the last axis only. */
function reducesFeatures(graph: GraphIndex, node: NodeProto): boolean {
  if (node.opType !== 'ReduceMean') return true;
  const axes = integersOf({ graph, node }, 'axes', 1);
  return axes?.length === 1 && (axes[0] === -1 || axes[0] === 2);
}
