/** Kinds of layers that are told by name where they are refused. */
import { inputAt, integerAttribute, integersOf } from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { type ClassifiedGraph, inputsOf, tokensBehind } from './classified-graph.js';
import { linearInto } from './linear.js';
import { routingOperators } from './operators.js';
import type { Join, NormSource } from './stream.js';

/** True if a module's output is a sum of what attention makes and of something else: an FFN beside it. */
export function isBeside(graph: ClassifiedGraph, output: string, attention: NodeProto): boolean {
  // Follows sums only: a gate multiplies.
  const summed = (name: string): readonly string[] => {
    if (linearInto(graph, name)) return [];
    const opType = graph.producer.get(name)?.opType;
    const tokens = inputsOf(graph, name, 'token');
    return opType === 'Add' || opType === 'Sum' || tokens.length === 1 ? tokens : [];
  };
  const terms = [...walk([output], summed)].filter((name) => summed(name).length === 0);
  if (terms.length < 2) return false;
  const own = terms.map((name) => isMadeBy(graph, name, attention));
  return own.includes(true) && own.includes(false);
}

/** What a mixer and a module beside it add to the stream together. */
export interface ParallelTerms {
  readonly mixer: string;
  readonly other: string;
}

/**
 * The two terms of a sum that is added to the stream, one of which is the mixer's (Phi, Falcon, GPT-NeoX); undefined
 * where a mixer is alone.
 */
export function parallelTerms(
  graph: ClassifiedGraph,
  { moduleOutput }: Join,
  mixers: readonly NodeProto[],
): ParallelTerms | undefined {
  const node = graph.producer.get(moduleOutput);
  const [a = '', b, more] = inputsOf(graph, moduleOutput, 'token');
  if (node?.opType !== 'Add' || b === undefined || more !== undefined) return undefined;
  const [isOfA, isOfB] = [a, b].map((term) => mixers.some((mixer) => isMadeBy(graph, term, mixer)));
  if (isOfA === isOfB) return undefined;
  return isOfA ? { mixer: a, other: b } : { mixer: b, other: a };
}

function isMadeBy(graph: ClassifiedGraph, value: string, maker: NodeProto): boolean {
  for (const name of tokensBehind(graph, value)) {
    if (graph.producer.get(name) === maker) return true;
  }
  return false;
}

/** True if there is a projection between a value and the stream. */
export function reachesLinear(
  graph: ClassifiedGraph,
  value: string,
  { streams, normed }: NormSource,
): boolean {
  const isStart = (name: string) => streams.includes(name) || name === normed;
  for (const name of tokensBehind(graph, value, isStart)) {
    if (!isStart(name) && linearInto(graph, name)) return true;
  }
  return false;
}

/** The node between a norm and a module's output that sends tokens to experts; undefined where all go one way. */
export function routingNode(
  graph: ClassifiedGraph,
  output: string,
  stops: readonly string[],
): NodeProto | undefined {
  const isStop = (name: string) => stops.includes(name);
  for (const name of tokensBehind(graph, output, isStop)) {
    const node = graph.producer.get(name);
    if (node && !isStop(name) && routingOperators.has(node.opType)) return node;
  }
  return undefined;
}

/** The node that stacks a stream with others, `[streams, batch, tokens, hidden]`; undefined where a stream is alone. */
export function stackingNode(graph: ClassifiedGraph, stream: string): NodeProto | undefined {
  const readers = (name: string) => (graph.uses.get(name) ?? []).map(({ node }) => node);
  return readers(stream)
    .filter(
      (node) => node.opType === 'Unsqueeze' && isFirst(integersOf({ graph, node }, 'axes', 1)),
    )
    .flatMap(({ output: [apart = ''] }) => readers(apart))
    .find((node) => {
      const isOfTokens = (_: string, at: number) =>
        graph.kindOf(inputAt(node, at) ?? '') === 'token';
      const isStack = node.opType === 'Concat' && integerAttribute(node, 'axis', 0) === 0;
      return isStack && node.input.length > 1 && node.input.every(isOfTokens);
    });
}

const isFirst = (axes: readonly number[] | undefined) => axes?.length === 1 && axes[0] === 0;
