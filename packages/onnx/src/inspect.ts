/** What a model file is, for people: also for one that is refused, with the reason. */
import { createPlan, TransPruneError } from '@transprune/core';
import type { Decoder } from './decoder/decoder.js';
import { readDecoder } from './decoder/read.js';
import { indexGraph, valueShape } from './graph/graph.js';
import type { OnnxModel } from './model/codec.js';
import { readPlan } from './prune/metadata.js';
import { pruneModel } from './prune/prune.js';

/** Sizes that could be read; a field is left out where the graph was not understood that far. */
export interface DecoderSizes {
  readonly layers?: number;
  readonly hiddenSize?: number;
  readonly intermediateSize?: number;
  readonly vocabularySize?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly headDim?: number;
}

export interface Inspection extends DecoderSizes {
  readonly prunable: boolean;
  /** Why not, with the first thing that was not understood. */
  readonly reason?: string;
  /** Who wrote the file, as far as its header and operators tell. */
  readonly exporterFamily: string;
  readonly producer: string;
  readonly opset: number;
  readonly nodes: number;
  /** How attention is expressed, or the operator that reads the first layer's cache. */
  readonly attentionFamily: string;
}

/** Describes a model; never throws for one that cannot be pruned. Rewrites it once, to be sure. */
export function inspectModel(model: OnnxModel): Inspection {
  const reason = readPlan(model) ? 'pruned already, see its metadata' : whyNot(model);
  return {
    exporterFamily: exporterFamily(model),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    opset: Number(model.opsetImport.find(({ domain }) => domain === '')?.version ?? 0n),
    nodes: model.graph?.node.length ?? 0,
    ...sizesOf(model),
    prunable: reason === undefined,
    ...(reason !== undefined && { reason }),
  };
}

/** A graph whose layers are understood can still read something that has no value behind a prune. */
const trialPlan = createPlan({
  accumulateLayers: [1],
  stages: [{ afterLayer: 1, keepRatio: 0.5 }],
});

function whyNot(model: OnnxModel): string | undefined {
  return attempt(() => pruneModel(model, trialPlan)).refusal;
}

function sizesOf(model: OnnxModel): DecoderSizes & { attentionFamily: string } {
  const { result: decoder } = attempt(() => readDecoder(model));
  return decoder
    ? { ...decoderSizes(decoder), attentionFamily: decoder.attentionFamily }
    : guessedSizes(model);
}

/** What a reading gives, or why it was refused; other errors pass through. */
function attempt<T>(read: () => T): { result?: T; refusal?: string } {
  try {
    return { result: read() };
  } catch (error) {
    if (!TransPruneError.isInstance(error)) throw error;
    return { refusal: error.message };
  }
}

function decoderSizes(decoder: Decoder): DecoderSizes {
  const { heads, kvHeads, headDim } = decoder.attention;
  const { hiddenSize, intermediateSize, vocabularySize, layers } = decoder;
  return {
    layers: layers.length,
    hiddenSize,
    intermediateSize,
    vocabularySize,
    heads,
    kvHeads,
    headDim,
  };
}

/** What inputs and outputs alone tell about a graph that is not understood. */
function guessedSizes(model: OnnxModel): DecoderSizes & { attentionFamily: string } {
  if (!model.graph) return { attentionFamily: 'unknown' };
  const graph = indexGraph(model.graph);
  const caches = [...graph.input.keys()].filter((name) => /^past_key_values\.\d+\.key$/.test(name));
  const pastKey = caches[0] ?? '';
  const [, kvHeads, , headDim] = valueShape(graph.input.get(pastKey));
  const hiddenSize = valueShape(graph.input.get('inputs_embeds'))[2];
  const reader = graph.uses.get(pastKey)?.[0]?.node;
  return {
    ...(caches.length > 0 && { layers: caches.length }),
    ...(typeof kvHeads === 'number' && { kvHeads }),
    ...(typeof headDim === 'number' && { headDim }),
    ...(typeof hiddenSize === 'number' && { hiddenSize }),
    attentionFamily: reader ? `not understood (${reader.opType} reads the cache)` : 'none',
  };
}

/** Producers are named by the header; the two PyTorch exporters differ in how they name values. */
function exporterFamily(model: OnnxModel): string {
  const name = model.producerName.toLowerCase();
  if (name !== 'pytorch') return model.producerName || 'unknown';
  const isDynamo =
    model.graph?.metadataProps.length || model.graph?.node.some((n) => n.metadataProps.length);
  return isDynamo ? 'torch.export' : 'torchscript';
}
