/**
 * Turns a graph into a `Decoder`: anchored at the names of inputs and outputs, which exporters agree
 * on, and walked from there; no node is ever recognized by its name.
 */
import { type AttentionShape, ports } from '@transprune/core';
import { elementType, type GraphIndex, indexGraph, valueShape } from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { type GraphProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import { makerOf } from './attention/cache.js';
import { attentionFamilies } from './attention/index.js';
import { checkMask } from './attention/mask.js';
import { decoderGraphs } from './branches.js';
import { cacheNames } from './caches.js';
import { type ClassifiedGraph, classifiedGraph, inputsOf } from './classified-graph.js';
import type {
  AttentionReading,
  Decoder,
  DecoderInputs,
  DecoderLayer,
  LayerCacheNames,
} from './decoder.js';
import { checkCaches, readInputs } from './inputs.js';
import { type Linear, linearInto } from './linear.js';
import { readAttentionModule, readFfn } from './modules.js';
import { controlFlow } from './operators.js';
import { refuse } from './refuse.js';
import {
  type Injection,
  injectionOf,
  isPerToken,
  type Join,
  joinOf,
  streamFrom,
} from './stream.js';
import { checkTokenAxis } from './token-axis.js';

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
  checkCaches(index, caches);
  const pasts = new Set(caches.flatMap(({ pastKey, pastValue }) => [pastKey, pastValue]));
  const isToken = (name: string) => name === inputs.embeddings || pasts.has(name);
  const graph = classifiedGraph(source, isToken);
  const injections: Injection[] = [];
  const layers = readLayers(graph, caches, inputs.embeddings, injections);
  const families = new Set(layers.map(({ attention }) => attention.reading.family.name));
  const decoder: Decoder = {
    graph,
    attentionFamily: [...families].join(' + '),
    layers,
    ...readSizes(graph, layers),
    attention: commonShape(layers),
    inputs,
    positions: hasRows(index, inputs) ? 'keep' : 'renumber',
    injections,
    logits: ports.logits,
    reducedPrecision: isReduced(source),
  };
  checkTokenAxis(decoder);
  return decoder;
}

/** The layers, along the residual stream. */
function readLayers(
  graph: ClassifiedGraph,
  caches: readonly LayerCacheNames[],
  embeddings: string,
  injections: Injection[],
): DecoderLayer[] {
  const layers: DecoderLayer[] = [];
  let entry: Entry = { stream: embeddings, normed: undefined };
  for (const [at, cache] of caches.entries()) {
    const where = `layer ${at + 1}`;
    const reading = readAttention(graph, cache, where);
    const [streamIn, middle] = nextJoin(graph, entry, `${where}, attention`);
    const source = { streams: [entry.stream ?? '', streamIn], normed: entry.normed };
    const attention = readAttentionModule(graph, { reading, cache, join: middle, source, where });
    const [inside, last] = nextJoin(graph, middle, `${where}, FFN`);
    const ffn = readFfn(graph, {
      join: last,
      source: {
        streams: [middle.stream ?? '', inside],
        normed: middle.normed,
        before: [...source.streams, entry.normed ?? '', attention.input],
      },
      where: `${where}, FFN`,
    });
    layers.push({ streamIn, attention, middleJoin: middle.node, ffn, cache });
    entry = injected(graph, last, `after ${where}`, injections);
  }
  const last = entry.stream === undefined ? undefined : streamFrom(graph, entry.stream, 'the end');
  const further = last === undefined ? undefined : joinOf(graph, last, 'the end');
  if (!further) return layers;
  return refuse({
    where: 'after the last layer',
    expected: `nothing to be added to the stream after ${caches.length} layers with a cache`,
    found: further.node.opType,
    node: further.node,
  });
}

/** Where a module starts: the stream as the last join left it. */
type Entry = Pick<Join, 'stream' | 'normed'>;

/**
 * The stream after what inputs add to it.
 *
 * @param injections takes what is added
 */
function injected(
  graph: ClassifiedGraph,
  entry: Entry,
  where: string,
  injections: Injection[],
): Entry {
  const injection = entry.stream === undefined ? undefined : injectionOf(graph, entry.stream);
  if (!injection) return entry;
  if (!isPerToken(graph, injection)) {
    refuse({
      where,
      expected: `features [batch, tokens, hidden], or one of several, to be added to the stream as the input ${injection.input} holds them`,
      found: injection.value,
      node: injection.node,
    });
  }
  injections.push(injection);
  return injection;
}

/** The stream that a module is added to, and where. */
function nextJoin(graph: ClassifiedGraph, { stream }: Entry, where: string): [string, Join] {
  const joined = stream === undefined ? undefined : streamFrom(graph, stream, where);
  const join = joined === undefined ? undefined : joinOf(graph, joined, where);
  if (joined !== undefined && join) return [joined, join];
  const readers = (graph.uses.get(stream ?? '') ?? []).map(({ node }) => node.opType);
  return refuse({
    where,
    expected: `${stream ?? 'a residual stream'} to be read by a norm and by an add after a module`,
    found: readers.join(', ') || 'no reader',
  });
}

function readAttention(
  graph: ClassifiedGraph,
  cache: LayerCacheNames,
  where: string,
): AttentionReading {
  const presentKeyNode = makerOf(graph, cache.presentKey);
  for (const family of presentKeyNode ? attentionFamilies() : []) {
    const reading = presentKeyNode && family.read(graph, { where, cache, presentKeyNode });
    if (!reading) continue;
    for (const mask of reading.masks ?? []) checkMask(graph, mask, where);
    return reading;
  }
  return refuse({
    where,
    expected: `${cache.presentKey} to come from a known attention family (${attentionFamilies()
      .map(({ name }) => name)
      .join(', ')})`,
    found: presentKeyNode?.opType ?? 'no node',
    node: presentKeyNode,
  });
}

/** True if positions are the rows of M-RoPE. */
function hasRows({ input }: GraphIndex, { positionIds = '' }: DecoderInputs): boolean {
  return valueShape(input.get(positionIds)).length === 3;
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
  const logits = graph.graph.output.find(({ name }) => name === ports.logits);
  return {
    hiddenSize:
      declared(valueShape(graph.input.get(ports.embeddings))[2]) ??
      linearInto(graph, first ?? '')?.inFeatures ??
      0,
    intermediateSize: ffn?.inFeatures ?? 0,
    vocabularySize:
      declared(valueShape(logits)[2]) ?? linearInto(graph, ports.logits)?.outFeatures ?? 0,
  };
}

/** Values that are looked at for an FFN's last projection: a norm of plain operators lies after it at most. */
const mostValuesAfterFfn = 64;

/** The last projection before a value: an FFN's output, a norm after it left aside. */
function lastLinear(graph: ClassifiedGraph, value: string): Linear | undefined {
  let looked = 0;
  // Last to first: the walk goes on with what it was given last.
  for (const name of walk([value], (name) => inputsOf(graph, name, 'token').reverse())) {
    const linear = linearInto(graph, name);
    if (linear || ++looked > mostValuesAfterFfn) return linear;
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
