/**
 * Turns a graph into a `Decoder`: anchored at the names of inputs and outputs, which exporters agree
 * on, and walked from there; no node is ever recognized by its name.
 */
import type { AttentionShape } from '@transprune/core';
import { elementType, type GraphIndex, indexGraph, valueShape } from '../graph/graph.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { type GraphProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import { makerOf } from './attention/cache.js';
import { attentionFamilies } from './attention/index.js';
import { pathTo } from './attention/path.js';
import { decoderGraphs } from './branches.js';
import type {
  AttentionReading,
  Decoder,
  DecoderInputs,
  DecoderLayer,
  LayerCacheNames,
  Module,
} from './decoder.js';
import { classify } from './kinds.js';
import { type Linear, linearInto } from './linear.js';
import { refuse } from './refuse.js';
import {
  type ClassifiedGraph,
  checkNorm,
  type Join,
  joinOf,
  type NormSource,
  streamFrom,
} from './stream.js';

const names = {
  embeddings: 'inputs_embeds',
  attentionMask: 'attention_mask',
  positionIds: 'position_ids',
  logits: 'logits',
} as const;

/** Operators that hold graphs of their own, which the passes do not look into. */
const controlFlow = new Set(['If', 'Loop', 'Scan']);

/**
 * Reads a decoder's structure.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the first thing that is not understood
 */
export function readDecoder(model: OnnxModel): Decoder {
  standardOpset(model);
  if (!model.graph) refuse({ where: 'model', expected: 'a graph', found: 'none' });
  // The branch on top of a cache comes first, and tells the cache's sizes.
  const [graph = model.graph] = decoderGraphs(model.graph);
  return readGraph(graph);
}

/**
 * Reads the structure of a decoder's graph.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL with the first thing that is not understood
 */
export function readGraph(source: GraphProto): Decoder {
  const index = indexGraph(source);
  const inputs = readInputs(index);
  const branch = source.node.find(({ opType }) => controlFlow.has(opType));
  if (branch) {
    refuse({ where: 'graph', expected: 'no control flow', found: branch.opType, node: branch });
  }
  const caches = cacheNames(index);
  const pasts = new Set(caches.flatMap(({ pastKey, pastValue }) => [pastKey, pastValue]));
  const isToken = (name: string) => name === inputs.embeddings || pasts.has(name);
  const kindOf = classify(source.node, (name) => index.initializer.has(name), isToken);
  const graph: ClassifiedGraph = { ...index, kindOf };

  const layers: DecoderLayer[] = [];
  let stream: string | undefined = inputs.embeddings;
  let join: Join | undefined;
  for (const [at, cache] of caches.entries()) {
    const where = `layer ${at + 1}`;
    const streamIn = streamAt(graph, stream, where);
    const reading = readAttention(graph, cache, where);
    const middle = joinOf(graph, streamIn, where);
    const attention = readAttentionModule(graph, reading, cache, middle, where);
    const source: NormSource = { streams: [stream ?? '', streamIn], normed: join?.normed };
    checkNorm(graph, attention.input, source, `${where}, attention`);
    const middleStream = streamAt(graph, middle?.stream, `${where}, FFN`);
    const behind = joinOf(graph, middleStream, where);
    const ffn = readFfn(
      graph,
      { streams: [middle?.stream ?? '', middleStream], normed: middle?.normed },
      behind,
      where,
    );
    if (!middle) refuse({ where, expected: 'an add behind attention', found: 'none' });
    layers.push({ streamIn, attention, middleJoin: middle.node, ffn, cache });
    stream = behind?.stream;
    join = behind;
  }
  const last = stream === undefined ? undefined : streamFrom(graph, stream, 'the last layer');
  const further = last === undefined ? undefined : joinOf(graph, last, 'the last layer');
  if (further) {
    refuse({
      where: 'behind the last layer',
      expected: `nothing to be added to the stream after ${caches.length} layers with a cache`,
      found: further.node.opType,
      node: further.node,
    });
  }
  return {
    attentionFamily: [...new Set(layers.map(({ attention }) => attention.reading.family))].join(
      ' + ',
    ),
    layers,
    ...readSizes(graph, layers),
    attention: commonShape(layers),
    inputs,
    logits: names.logits,
    reducedPrecision: isReduced(source),
  };
}

/** The stream that a module is added to. */
function streamAt(graph: ClassifiedGraph, value: string | undefined, where: string): string {
  const stream = value === undefined ? undefined : streamFrom(graph, value, where);
  if (stream !== undefined) return stream;
  const readers = (graph.uses.get(value ?? '') ?? []).map(({ node }) => node.opType);
  return refuse({
    where,
    expected: `${value ?? 'a residual stream'} to be read by a norm and by an add behind a module`,
    found: readers.join(', ') || 'no reader',
  });
}

function readInputs(graph: GraphIndex): DecoderInputs {
  for (const name of [names.embeddings, names.attentionMask]) {
    if (graph.input.has(name)) continue;
    const remedy =
      name === names.embeddings ? ' (a decoder that takes input_ids cannot tell image tokens)' : '';
    refuse({ where: 'inputs', expected: `an input ${name}${remedy}`, found: 'none' });
  }
  if (!graph.graph.output.some(({ name }) => name === names.logits)) {
    refuse({ where: 'outputs', expected: `an output ${names.logits}`, found: 'none' });
  }
  const type = elementType(graph.input.get(names.embeddings));
  if (type !== TensorProto_DataType.FLOAT && type !== TensorProto_DataType.FLOAT16) {
    refuse({
      where: names.embeddings,
      expected: 'float32 or float16',
      found: `element type ${type} of ONNX`,
    });
  }
  const hasPositions = graph.input.has(names.positionIds);
  return {
    embeddings: names.embeddings,
    attentionMask: names.attentionMask,
    ...(hasPositions && { positionIds: names.positionIds }),
  };
}

/**
 * Names of each layer's cache, in the order of the layers.
 *
 * @throws TransPruneError UNSUPPORTED_MODEL if there is none
 */
export function cacheNames(graph: GraphIndex): LayerCacheNames[] {
  const outputs = new Set(graph.graph.output.map(({ name }) => name));
  const isRead = (name: string) => (graph.uses.get(name)?.length ?? 0) > 0;
  const caches: LayerCacheNames[] = [];
  for (let layer = 0; ; layer++) {
    const [presentKey, presentValue] = [`present.${layer}.key`, `present.${layer}.value`];
    if (!outputs.has(presentKey) || !outputs.has(presentValue)) break;
    const [pastKey, pastValue] = [`past_key_values.${layer}.key`, `past_key_values.${layer}.value`];
    const hasPast = isRead(pastKey) && isRead(pastValue);
    caches.push({ presentKey, presentValue, ...(hasPast && { pastKey, pastValue }) });
  }
  if (caches.length > 0) return caches;
  return refuse({
    where: 'outputs',
    expected: 'a decoder with a cache: past_key_values.{layer}.key in, present.{layer}.key out',
    found: `no cache outputs among ${[...outputs].slice(0, 6).join(', ') || 'none'}`,
  });
}

function readAttention(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  where: string,
): AttentionReading {
  const presentKeyNode = makerOf(graph, cache.presentKey);
  for (const family of presentKeyNode ? attentionFamilies : []) {
    const reading = presentKeyNode && family.read(graph, { where, cache, presentKeyNode });
    if (reading) return reading;
  }
  return refuse({
    where,
    expected: `${cache.presentKey} to come from a known attention family (${attentionFamilies.map(({ name }) => name).join(', ')})`,
    found: presentKeyNode?.opType ?? 'no node',
    node: presentKeyNode,
  });
}

function readAttentionModule(
  graph: ClassifiedGraph,
  reading: AttentionReading,
  { pastKey = '', pastValue = '' }: LayerCacheNames,
  join: Join | undefined,
  where: string,
): DecoderLayer['attention'] {
  const projections = [reading.queries.value, reading.keys.value, reading.values].flatMap(
    (value) => pathTo(graph, value, where).projections,
  );
  const outputs = [...new Set(projections.map(({ output }) => output))];
  const [input, other] = new Set(projections.map((projection) => projection.input));
  if (input === undefined || other !== undefined) {
    refuse({
      where,
      expected: 'queries, keys and values to be projected from one norm',
      found: [...new Set(projections.map((projection) => projection.input))].join(', '),
      node: reading.node,
    });
  }
  checkWidth(projections, reading, where);
  if (!join) refuse({ where, expected: 'an add behind attention', found: 'none' });
  const region = regionBehind(graph, join.moduleOutput, new Set([...outputs, pastKey, pastValue]), {
    where: `${where}, attention`,
    expected: 'only its projections, its cache and side inputs',
  });
  if (!region.has(reading.node)) {
    refuse({
      where,
      expected: "the attention's output to be added to the residual stream",
      found: join.moduleOutput,
      node: join.node,
    });
  }
  return { input, output: join.moduleOutput, projections: outputs, reading };
}

/** Queries, keys and values have to be as wide as their heads. */
function checkWidth(
  projections: readonly { readonly output: string; readonly outFeatures: number }[],
  { shape: { heads, kvHeads, headDim }, node }: AttentionReading,
  where: string,
): void {
  const widths = new Map(projections.map(({ output, outFeatures }) => [output, outFeatures]));
  const total = [...widths.values()].reduce((sum, width) => sum + width, 0);
  const expected = (heads + 2 * kvHeads) * headDim;
  if (total === expected && Number.isInteger(heads)) return;
  refuse({
    where,
    expected: `projections to ${expected} features for ${heads} query and 2 x ${kvHeads} key and value heads of ${headDim}`,
    found: `${total}`,
    node,
  });
}

/** What the FFN reads: the one value that its first projections share. */
function readFfn(
  graph: ClassifiedGraph,
  source: NormSource,
  behind: Join | undefined,
  layer: string,
): Module {
  const where = `${layer}, FFN`;
  if (!behind) refuse({ where, expected: 'an add behind the FFN', found: 'none' });
  const inputs = new Set<string>();
  const open = [behind.moduleOutput];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const linear = linearInto(graph, name);
    const isFirst = linear && !reachesLinear(graph, linear.input, source);
    if (isFirst) inputs.add(linear.input);
    const node = isFirst || source.streams.includes(name) ? undefined : graph.producer.get(name);
    for (const input of linear && !isFirst ? [linear.input] : (node?.input ?? [])) {
      if (seen.has(input) || graph.kindOf(input) !== 'token') continue;
      seen.add(input);
      open.push(input);
    }
  }
  const [input, other] = inputs;
  if (input === undefined || other !== undefined) {
    refuse({
      where,
      expected: 'projections of one norm',
      found: [...inputs].join(', ') || 'none',
      node: graph.producer.get(behind.moduleOutput),
    });
  }
  checkNorm(graph, input, source, where);
  regionBehind(graph, behind.moduleOutput, new Set([input]), {
    where,
    expected: 'only its norm and weights',
  });
  return { input, output: behind.moduleOutput };
}

/** True if there is a projection between a value and the stream. */
function reachesLinear(
  graph: ClassifiedGraph,
  value: string,
  { streams, normed }: NormSource,
): boolean {
  const open = [value];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (streams.includes(name) || name === normed) continue;
    if (linearInto(graph, name)) return true;
    for (const input of graph.producer.get(name)?.input ?? []) {
      if (seen.has(input) || graph.kindOf(input) !== 'token') continue;
      seen.add(input);
      open.push(input);
    }
  }
  return false;
}

/** The nodes between a module's output and what it may read; refuses if it reads anything else. */
function regionBehind(
  graph: ClassifiedGraph,
  output: string,
  allowed: ReadonlySet<string>,
  place: { readonly where: string; readonly expected: string },
): Set<unknown> {
  const region = new Set<unknown>();
  const open = [output];
  const seen = new Set(open);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (allowed.has(name)) continue;
    const node = graph.producer.get(name);
    if (!node) refuse({ ...place, expected: `a module that reads ${place.expected}`, found: name });
    region.add(node);
    for (const input of node.input) {
      if (seen.has(input) || graph.kindOf(input) !== 'token') continue;
      seen.add(input);
      open.push(input);
    }
  }
  return region;
}

function commonShape(layers: readonly DecoderLayer[]): AttentionShape {
  const [first, ...others] = layers.map(({ attention }) => attention.reading.shape);
  if (!first) return refuse({ where: 'decoder', expected: 'at least one layer', found: 'none' });
  const different = others.findIndex((shape) => JSON.stringify(shape) !== JSON.stringify(first));
  if (different >= 0) {
    refuse({
      where: `layer ${different + 2}`,
      expected: `the attention sizes of layer 1 (${JSON.stringify(first)})`,
      found: JSON.stringify(others[different]),
    });
  }
  return first;
}

function readSizes(graph: ClassifiedGraph, layers: readonly DecoderLayer[]) {
  const declared = (size: number | string | undefined) =>
    typeof size === 'number' ? size : undefined;
  const first = layers[0]?.attention.projections[0];
  const ffn = lastLinear(graph, layers[0]?.ffn.output ?? '');
  const logits = graph.graph.output.find(({ name }) => name === names.logits);
  return {
    hiddenSize:
      declared(valueShape(graph.input.get(names.embeddings))[2]) ??
      linearInto(graph, first ?? '')?.inFeatures ??
      0,
    intermediateSize: ffn?.inFeatures ?? 0,
    vocabularySize:
      declared(valueShape(logits)[2]) ?? linearInto(graph, names.logits)?.outFeatures ?? 0,
  };
}

/** The last projection in front of a value: an FFN's output, a norm behind it left aside. */
function lastLinear(graph: ClassifiedGraph, value: string, steps = 16): Linear | undefined {
  const linear = linearInto(graph, value);
  if (linear || steps === 0) return linear;
  for (const input of graph.producer.get(value)?.input ?? []) {
    const found = graph.kindOf(input) === 'token' ? lastLinear(graph, input, steps - 1) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** True if anything is held in 16-bit floats. */
function isReduced({ initializer, input }: GraphProto): boolean {
  const half = new Set<number>([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16]);
  return (
    initializer.some(({ dataType }) => half.has(dataType)) ||
    input.some((info) => half.has(elementType(info) ?? 0))
  );
}
