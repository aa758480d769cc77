/** A layer's two modules: what they read after the norm, and what they add to the stream. */

import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { pathTo } from './attention/path.js';
import { type ClassifiedGraph, inputsOf } from './classified-graph.js';
import type { AttentionModule, AttentionReading, LayerCacheNames, Module } from './decoder.js';
import { type Linear, linearInto } from './linear.js';
import { refuse } from './refuse.js';
import { checkNorm, type Join, type NormSource, strangerToNorm } from './stream.js';
import { isBeside, latentProjection, reachesLinear, routingNode } from './variants.js';

/** Where a module stands. */
export interface ModuleSite {
  /** Where its output is added to the stream. */
  readonly join: Join;
  /** What its norm reads. */
  readonly source: NormSource;
  /** The place, for messages. */
  readonly where: string;
}

/**
 * Attention with its norm, its projections and its add.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readAttentionModule(
  graph: ClassifiedGraph,
  {
    reading,
    cache: { pastKey = '', pastValue = '' },
    join,
    source,
    where,
  }: ModuleSite & { readonly reading: AttentionReading; readonly cache: LayerCacheNames },
): AttentionModule {
  const projections = [reading.queries.value, reading.keys.value, reading.values].flatMap(
    (value) => pathTo(graph, value, where).projections,
  );
  const latent = latentProjection(graph, projections, source);
  if (latent) {
    refuse({
      where,
      expected: 'queries, keys and values to be projected from one norm',
      found: `a projection of ${latent.input}, which is projected itself, as in multi-head latent attention (DeepSeek, MiniCPM3; no export option avoids it),`,
      node: reading.node,
    });
  }
  if (isBeside(graph, join.moduleOutput, reading.node)) refuseParallel(where, join.node);
  const [input, other] = new Set(projections.map((projection) => projection.input));
  if (input === undefined || other !== undefined) {
    refuse({
      where,
      expected: 'queries, keys and values to be projected from one norm',
      found: [...new Set(projections.map((projection) => projection.input))].join(', '),
      node: reading.node,
    });
  }
  const gates = gateProjections(graph, join.moduleOutput, reading.node, input);
  const outputs = [...new Set([...projections.map(({ output }) => output), ...gates])];
  checkWidth(graph, projections, reading, { join, source, where });
  const region = regionUpTo(graph, join.moduleOutput, new Set([...outputs, pastKey, pastValue]), {
    where: `${where}, attention`,
    expected: 'only its projections, its cache and derived values',
  });
  if (!region.has(reading.node)) {
    refuse({
      where,
      expected: "the attention's output to be added to the residual stream",
      found: join.moduleOutput,
      node: join.node,
    });
  }
  checkNorm(graph, input, source, `${where}, attention`);
  return { input, output: join.moduleOutput, projections: outputs, reading };
}

function refuseParallel(where: string, node: NodeProto): never {
  refuse({
    where,
    expected:
      'an FFN that reads the stream after attention was added to it (no export option changes that)',
    found: 'attention and FFN in parallel (Phi, Cohere, Falcon, GPT-NeoX, StableLM), added',
    node,
  });
}

/**
 * Queries, keys and values have to be as wide as their heads; the projection of queries may hold a gate of the
 * attention's output besides (Qwen3-Next, Qwen3.5).
 */
function checkWidth(
  graph: ClassifiedGraph,
  projections: readonly Linear[],
  { shape: { heads, kvHeads, headDim }, node }: AttentionReading,
  { join, where }: ModuleSite,
): void {
  const widths = new Map(projections.map(({ output, outFeatures }) => [output, outFeatures]));
  const total = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const expected = (heads + 2 * kvHeads) * headDim;
  if (total === expected && Number.isInteger(heads)) return;
  const [queries] = projections;
  const isGated = queries && bypasses(graph, node, join.moduleOutput, queries.output);
  if (isGated && total === expected + heads * headDim && Number.isInteger(heads)) return;
  refuse({
    where,
    expected: `projections to ${expected} features for ${heads} query and 2 x ${kvHeads} key and value heads of ${headDim}${isGated ? `, or ${heads * headDim} more for an output gate` : ''}`,
    found: `${total}`,
    node,
  });
}

/** Projections of the same norm that a module's output reads past attention: gates with a matrix of their own. */
function gateProjections(
  graph: ClassifiedGraph,
  output: string,
  attention: NodeProto,
  norm: string,
): string[] {
  const isGate = (name: string) => linearInto(graph, name)?.input === norm;
  const next = (name: string) =>
    graph.producer.get(name) === attention || isGate(name) ? [] : inputsOf(graph, name, 'token');
  return [...walk([output], next)].filter(isGate);
}

/** True if a module's output reads a projection past attention. */
function bypasses(
  graph: ClassifiedGraph,
  attention: NodeProto,
  output: string,
  projection: string,
): boolean {
  const next = (name: string) =>
    graph.producer.get(name) === attention ? [] : inputsOf(graph, name, 'token');
  for (const name of walk([output], next)) if (name === projection) return true;
  return false;
}

/**
 * The FFN, whatever it is made of: it reads the one value that its first projections share.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL for a module that reads anything else
 */
export function readFfn(graph: ClassifiedGraph, { join, source, where }: ModuleSite): Module {
  const inputs = new Set<string>();
  const next = (name: string): readonly string[] => {
    const linear = linearInto(graph, name);
    if (linear) return inputs.has(linear.input) ? [] : [linear.input];
    return source.streams.includes(name) ? [] : inputsOf(graph, name, 'token');
  };
  for (const name of walk([join.moduleOutput], next)) {
    const linear = linearInto(graph, name);
    if (linear && !reachesLinear(graph, linear.input, source)) inputs.add(linear.input);
  }
  const [input, other] = inputs;
  const { before = [] } = source;
  const after = [...source.streams, source.normed ?? ''];
  const isParallel = reads(graph, join.moduleOutput, before, after);
  if (isParallel) refuseParallel(where, join.node);
  const routing = routingNode(graph, join.moduleOutput, after);
  const isNormed = input !== undefined && !other && !strangerToNorm(graph, input, source);
  if (routing && !isNormed) {
    refuse({
      where,
      expected:
        'an FFN whose projections read one norm [batch, tokens, hidden] (no export option is known to keep that)',
      found: 'a mixture of experts that sends tokens to experts in nodes of its own,',
      node: routing,
    });
  }
  if (input === undefined || other !== undefined) {
    refuse({
      where,
      expected: 'projections of one norm',
      found: [...inputs].join(', ') || 'none',
      node: graph.producer.get(join.moduleOutput),
    });
  }
  checkNorm(graph, input, source, where);
  regionUpTo(graph, join.moduleOutput, new Set([input]), {
    where,
    expected: 'only its norm and weights',
  });
  return { input, output: join.moduleOutput };
}

/** True if a value is made of one of some others, not by way of `stops`. */
function reads(
  graph: ClassifiedGraph,
  value: string,
  others: readonly string[],
  stops: readonly string[],
): boolean {
  const next = (name: string) => (stops.includes(name) ? [] : inputsOf(graph, name, 'token'));
  for (const name of walk([value], next)) {
    if (others.includes(name) && !stops.includes(name)) return true;
  }
  return false;
}

/** The nodes between a module's output and what it may read; refuses if it reads anything else. */
function regionUpTo(
  graph: ClassifiedGraph,
  output: string,
  allowed: ReadonlySet<string>,
  place: { readonly where: string; readonly expected: string },
): Set<NodeProto> {
  const region = new Set<NodeProto>();
  const next = (name: string) => (allowed.has(name) ? [] : inputsOf(graph, name, 'token'));
  for (const name of walk([output], next)) {
    if (allowed.has(name)) continue;
    const node = graph.producer.get(name);
    if (!node) refuse({ ...place, expected: `a module that reads ${place.expected}`, found: name });
    region.add(node);
  }
  return region;
}
