/**
 * Turns a graph into a `Decoder`: anchored at the names of inputs and outputs, which exporters agree
 * on, and walked from there; no node is ever recognized by its name.
 */
import { type AttentionShape, ports } from '@transprune/core';
import { elementType, type GraphIndex, indexGraph, valueShape } from '../graph/graph.js';
import { walk } from '../graph/walk.js';
import { type OnnxModel, standardOpset } from '../model/codec.js';
import { type GraphProto, TensorProto_DataType } from '../proto/onnx_pb.js';
import { decoderGraphs } from './branches.js';
import { cacheNames, pastsOf } from './caches.js';
import { type ClassifiedGraph, classifiedGraph, inputsOf } from './classified-graph.js';
import type { Decoder, DecoderInputs, DecoderLayer } from './decoder.js';
import { checkCaches, readInputs } from './inputs.js';
import { readLayers } from './layers.js';
import { type Linear, linearInto } from './linear.js';
import { controlFlow } from './operators.js';
import { refuse } from './refuse.js';
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
  checkCaches(
    index,
    caches.flatMap(({ cache }) => cache ?? []),
  );
  const pasts = new Set(caches.flatMap(pastsOf));
  const isToken = (name: string) => name === inputs.embeddings || pasts.has(name);
  const graph = classifiedGraph(source, isToken);
  const { layers, injections, features } = readLayers(graph, caches, inputs.embeddings);
  const families = new Set(layers.flatMap(({ attention }) => attention?.reading.family.name ?? []));
  const decoder: Decoder = {
    graph,
    attentionFamily: [...families].join(' + '),
    layers,
    ...readSizes(graph, layers),
    attention: firstShape(layers),
    inputs,
    positions: hasRows(index, inputs) ? 'keep' : 'renumber',
    injections,
    features,
    logits: ports.logits,
    reducedPrecision: isReduced(source),
  };
  checkTokenAxis(decoder);
  return decoder;
}

/** True if positions are the rows of M-RoPE. */
function hasRows({ input }: GraphIndex, { positionIds = '' }: DecoderInputs): boolean {
  return valueShape(input.get(positionIds)).length === 3;
}

/** The sizes of attention in the first layer that has it. */
function firstShape(layers: readonly DecoderLayer[]): AttentionShape {
  const [first] = layers.flatMap(({ attention }) => attention?.reading.shape ?? []);
  if (first) return first;
  return refuse({ where: 'decoder', expected: 'at least one layer with attention', found: 'none' });
}

function readSizes(graph: ClassifiedGraph, layers: readonly DecoderLayer[]) {
  const declared = (size: number | string | undefined) =>
    typeof size === 'number' ? size : undefined;
  const first = layers.find(({ attention }) => attention)?.attention?.projections[0];
  const logits = graph.graph.output.find(({ name }) => name === ports.logits);
  return {
    hiddenSize:
      declared(valueShape(graph.input.get(ports.embeddings))[2]) ??
      linearInto(graph, first ?? '')?.inFeatures ??
      0,
    intermediateSize: ffnWidth(graph, layers),
    vocabularySize:
      declared(valueShape(logits)[2]) ?? linearInto(graph, ports.logits)?.outFeatures ?? 0,
  };
}

/** Width of the first FFN that every token passes or, if there is none, of the experts that one token passes; 0: unknown. */
function ffnWidth(graph: ClassifiedGraph, layers: readonly DecoderLayer[]): number {
  const dense = layers.find(({ ffn }) => ffn.experts === undefined);
  if (dense) return lastLinear(graph, dense.ffn.output)?.inFeatures ?? 0;
  const experts = layers[0]?.ffn.experts;
  return experts === undefined || experts === 'unknown' ? 0 : experts.perToken * experts.width;
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
