/** What a model file is, for people: also for one that is refused, with the reason. */
import { indexGraph, valueShape } from '../graph/graph.js';
import type { OnnxModel } from '../model/codec.js';
import { readPlan } from '../prune/metadata.js';
import type { Decoder } from './decoder.js';
import { cacheInputs, isRefusal, readDecoder } from './read.js';

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

const prunedAlready = 'pruned already, see its metadata';

/** Describes a model; never throws for one that cannot be pruned. */
export function inspectModel(model: OnnxModel): Inspection {
  const header = {
    exporterFamily: exporterFamily(model),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    opset: Number(model.opsetImport.find(({ domain }) => domain === '')?.version ?? 0n),
    nodes: model.graph?.node.length ?? 0,
  };
  try {
    const decoder = readDecoder(model);
    const sizes = { ...decoderSizes(decoder), attentionFamily: decoder.attentionFamily };
    return readPlan(model)
      ? { ...header, ...sizes, prunable: false, reason: prunedAlready }
      : { ...header, ...sizes, prunable: true };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const reason = readPlan(model) ? prunedAlready : error.message;
    return { ...header, ...guessedSizes(model), prunable: false, reason };
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
  const caches = cacheInputs(graph);
  const pastKey = caches[0]?.[0] ?? '';
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
