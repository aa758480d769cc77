/**
 * AltUp (Baykal et al., NeurIPS 2023; Gemma 3n): layers hand on several streams, stacked
 * `[streams, batch, tokens, hidden]`. Each layer predicts all of them from all of them, takes one prediction, the
 * active one, adds its modules to it, and corrects the others by what that changed. Each token does that for itself, so
 * the predictions may be gathered as a stream is.
 */
import { integerAttribute } from '../graph/graph.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { type ClassifiedGraph, tokensBehind } from './classified-graph.js';
import { refuse } from './refuse.js';
import { isConstantScalar, type Join, joinOf, streamFrom } from './stream.js';
import { stackingNode } from './variants.js';

/** What enters a layer that has several streams. */
export interface StackedStreams {
  /** The layer's predictions, `[streams, batch, tokens, hidden]`. */
  readonly predictions: string;
  /** The one that its modules are added to, `[batch, tokens, hidden]`. */
  readonly active: string;
}

/**
 * The streams that each layer predicts, in the order of the layers; undefined for a decoder with one stream.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for streams that are stacked in another way
 */
export function stackedStreams(
  graph: ClassifiedGraph,
  embeddings: string,
): StackedStreams[] | undefined {
  const stack = stackingNode(graph, embeddings);
  if (!stack || joinOf(graph, embeddings, 'layer 1')) return undefined;
  const taken = graph.graph.node.flatMap((node): StackedStreams[] => {
    const [predictions = '', index = ''] = node.opType === 'Gather' ? node.input : [];
    const [active = ''] = node.output;
    const isOne =
      graph.kindOf(predictions) === 'token' &&
      [0, -4].includes(integerAttribute(node, 'axis', 0)) &&
      isConstantScalar(graph, index);
    return isOne && streamFrom(graph, active, 'layers') !== undefined
      ? [{ predictions, active }]
      : [];
  });
  if (taken.length > 0) return taken;
  return refuse({
    where: 'layer 1, mixer',
    expected:
      'one residual stream [batch, tokens, hidden], or predictions of several, one of which is taken by Gather along the first axis',
    found: `${stack.input.length} streams that layers predict and correct together (AltUp: Gemma 3n), stacked`,
    node: stack,
  });
}

/**
 * Checks that a layer's mixer reads the stream that is taken for it: another layer's is found where this one takes its
 * own in another way.
 *
 * @param nodes what mixes tokens in the layer
 */
export function checkTaken(
  graph: ClassifiedGraph,
  { active }: StackedStreams,
  nodes: readonly NodeProto[],
  where: string,
): void {
  for (const node of nodes) {
    const isActive = (name: string) => name === active;
    const [queries = ''] = node.input;
    if ([...tokensBehind(graph, queries, isActive)].some(isActive)) continue;
    refuse({
      where,
      expected:
        'what attention reads to be made of one of the streams that the layer predicts, taken by Gather along the first axis, and of that one alone',
      found: `something else than ${active}, the next that is taken so and that modules are added to,`,
      node,
    });
  }
}

/**
 * The stream after what is added beside attention, of what attention reads (LAuReL: a way of low rank).
 *
 * @param join attention's
 * @param norm what attention reads
 * @returns undefined where nothing is
 */
export function besideAttention(
  graph: ClassifiedGraph,
  { stream = '' }: Join,
  norm: string,
  where: string,
): Join | undefined {
  const summed = streamFrom(graph, stream, where);
  const join = summed === undefined ? undefined : joinOf(graph, summed, where);
  if (!join) return undefined;
  const isMadeOfNorm = [...tokensBehind(graph, join.moduleOutput, (name) => name === norm)].every(
    (name) => name === norm || (name !== stream && graph.producer.has(name)),
  );
  return isMadeOfNorm ? join : undefined;
}

/**
 * Checks that a layer's predictions, or the logits, are made of what the layer before leaves.
 *
 * @param last values of that layer: its predictions, and the stream with both modules added
 */
export function checkCorrected(
  graph: ClassifiedGraph,
  value: string,
  last: readonly string[],
  where: string,
): void {
  const found = new Set<string>();
  for (const name of tokensBehind(graph, value, (name) => last.includes(name))) {
    if (last.includes(name)) found.add(name);
  }
  if (found.size === last.length) return;
  refuse({
    where,
    expected: `streams that are made of the predictions of the layer before and of what its modules made of one (${last.join(', ')})`,
    found: [...found].join(', ') || 'neither',
  });
}
