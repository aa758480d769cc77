/** What a model file is, for people: also for one that is refused, with the reason. */
import { create } from '@bufbuild/protobuf';
import { cachePort, createPlan, type PrunePlan, ports, presetPlan } from '@transprune/core';
import { decoderGraphs } from '../decoder/branches.js';
import type { Decoder } from '../decoder/decoder.js';
import { fitPlan } from '../decoder/depths.js';
import { indexGraph, valueShape } from '../graph/graph.js';
import type { ProvenanceOf } from '../graph/provenance.js';
import type { OnnxModel } from '../model/codec.js';
import { readPlan } from '../model/metadata.js';
import { type GraphProto, GraphProtoSchema } from '../proto/onnx_pb.js';
import { type CacheMode, cacheModesOf } from '../prune/cache-modes.js';
import { pruneModel } from '../prune/prune.js';
import { attempt, declaredLayers, type RefusalReport, readAsFar } from './partial.js';
import { describeStages, type StageReport } from './stages.js';
import { describeStructure, type Structure } from './structure.js';

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
  /** The same in parts, where it is about the graph. */
  readonly refusal?: RefusalReport;
  /** Who wrote the file, as far as its header and operators tell. */
  readonly exporterFamily: string;
  readonly producer: string;
  readonly opset: number;
  readonly nodes: number;
  /** How attention is expressed, or the operator that reads the first layer's cache. */
  readonly attentionFamily: string;
  /** The decoder, as far as it was understood; both branches of a merged one. */
  readonly decoders: readonly DecoderReport[];
  /** What it can be pruned for caches to be, see `PruneOptions`; empty if it cannot be pruned. */
  readonly cacheModes: readonly CacheMode[];
  /** What it was pruned by to see what comes of it; left out if it cannot be pruned. */
  readonly trial?: {
    readonly plan: PrunePlan;
    readonly nodes: { readonly before: number; readonly after: number };
  };
}

/** One decoder graph, and what pruning does to it. */
export interface DecoderReport extends Structure {
  /** Empty where nothing was pruned. */
  readonly stages: readonly StageReport[];
}

export interface InspectOptions {
  /**
   * The plan that is tried, for a decoder of so many layers; its prunes are moved to the nearest depths that the
   * decoder has for them. Left out: TransPrune-High, or a prune after layer 1 in a decoder of under 4 layers. What it
   * throws passes through.
   */
  readonly plan?: (layers: number) => PrunePlan;
}

/** Describes a model; never throws for one that cannot be pruned. Rewrites it once, to be sure. */
export function inspectModel(model: OnnxModel, options: InspectOptions = {}): Inspection {
  const graph = model.graph ?? create(GraphProtoSchema);
  const found = attempt(() => decoderGraphs(graph));
  const graphs = found.result ?? [graph];
  const readings = graphs.map(readAsFar);
  const unread = [found, ...readings].find(({ refusal }) => refusal)?.refusal;
  const [decoder] = readings.flatMap((reading) => reading.decoder ?? []);
  const isPruned = readPlan(model) !== undefined;
  const {
    trial,
    pruned = [],
    provenance = [],
    refusal,
  } = decoder && !unread && !isPruned ? tryToPrune(model, decoder, options) : { refusal: unread };
  const reason = isPruned
    ? 'pruned already, so that layers after the first prune are not read; start from the original file'
    : refusal?.reason;
  const structures = graphs.map((source, at) =>
    describeStructure(source, declaredLayers(source), readings[at]?.decoder),
  );
  return {
    exporterFamily: exporterFamily(model),
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(' '),
    opset: Number(model.opsetImport.find(({ domain }) => domain === '')?.version ?? 0n),
    nodes: graphs.reduce((sum, { node }) => sum + node.length, 0),
    ...(decoder && !unread ? decoderSizes(decoder) : guessedSizes(graphs[0] ?? graph)),
    ...(isPruned && sizesBeforePrunes(structures[0])),
    prunable: trial !== undefined,
    ...(reason !== undefined && { reason }),
    ...(refusal && !isPruned && { refusal }),
    decoders: structures.map((structure, at) => {
      const read = readings[at]?.decoder;
      const after = pruned[at];
      const provenanceOf = provenance[at];
      return {
        ...structure,
        stages:
          trial && read && after && provenanceOf
            ? describeStages(read, after, trial.plan, provenanceOf)
            : [],
      };
    }),
    cacheModes: trial ? cacheModesOf(model) : [],
    ...(trial && { trial }),
  };
}

/** What comes of pruning a model, or why nothing does. */
interface Trial {
  readonly trial?: Inspection['trial'];
  /** The pruned decoder, or the branches of a merged one, and what their nodes are for. */
  readonly pruned?: readonly GraphProto[];
  readonly provenance?: readonly ProvenanceOf[];
  readonly refusal?: RefusalReport;
}

/** A graph whose layers are understood can still read something that has no value after a prune. */
function tryToPrune(
  model: OnnxModel,
  decoder: Decoder,
  { plan: choosePlan = defaultPlan }: InspectOptions,
): Trial {
  const chosen = choosePlan(decoder.layers.length);
  const { result, refusal } = attempt(() => {
    const { plan } = fitPlan(chosen, decoder);
    return pruneModel(model, plan);
  });
  if (!result?.model.graph) return refusal ? { refusal } : {};
  const { nodes } = result.report;
  const { plan, provenance } = result;
  return { trial: { plan, nodes }, pruned: decoderGraphs(result.model.graph), provenance };
}

/** Smallest decoder that presets can be scaled to. */
const fewestLayers = 4;

function defaultPlan(layers: number): PrunePlan {
  if (layers >= fewestLayers) return presetPlan('transprune-high', layers).plan;
  return createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 1, keepRatio: 0.5 }] });
}

function decoderSizes(decoder: Decoder): DecoderSizes & { attentionFamily: string } {
  const { heads, kvHeads, headDim } = decoder.attention;
  const { hiddenSize, intermediateSize, vocabularySize, layers, attentionFamily } = decoder;
  return {
    layers: layers.length,
    hiddenSize,
    // 0 where nothing tells it, as of experts in plain operators.
    ...(intermediateSize > 0 && { intermediateSize }),
    vocabularySize,
    heads,
    kvHeads,
    headDim,
    attentionFamily,
  };
}

/** What inputs and outputs alone tell about a graph that is not understood. */
function guessedSizes(source: GraphProto): DecoderSizes & { attentionFamily: string } {
  const graph = indexGraph(source);
  const caches = [...graph.input.keys()].filter((name) => cachePort(name)?.kind === 'key');
  const pastKey = caches[0] ?? '';
  const [, kvHeads, , headDim] = valueShape(graph.input.get(pastKey));
  const hiddenSize = valueShape(graph.input.get(ports.embeddings))[2];
  const reader = graph.uses.get(pastKey)?.[0]?.node;
  return {
    ...(caches.length > 0 && { layers: caches.length }),
    ...(typeof kvHeads === 'number' && { kvHeads }),
    ...(typeof headDim === 'number' && { headDim }),
    ...(typeof hiddenSize === 'number' && { hiddenSize }),
    attentionFamily: reader ? `not understood (${reader.opType} reads the cache)` : 'none',
  };
}

/** Of a pruned decoder, whose first layers are as they were. */
function sizesBeforePrunes(structure: Structure | undefined): Partial<Inspection> {
  const [first] = structure?.layerGroups ?? [];
  if (!first) return { attentionFamily: 'not read' };
  const { attentionFamily, heads, kvHeads, headDim } = first;
  const sizes = { heads, kvHeads, headDim };
  const known = Object.entries(sizes).filter(([, size]) => typeof size === 'number');
  return { attentionFamily: attentionFamily ?? 'not read', ...Object.fromEntries(known) };
}

/**
 * Producers are named by the header. The two PyTorch exporters differ in what they note beside nodes, and
 * in names: TorchScript's begin with the module's path, `/model/layers.0`.
 */
function exporterFamily({ producerName, graph }: OnnxModel): string {
  if (producerName.toLowerCase() !== 'pytorch') return producerName || 'unknown';
  const hasNotes =
    graph?.metadataProps.length || graph?.node.some((node) => node.metadataProps.length);
  const hasPaths = graph?.node.some(({ name }) => name.startsWith('/'));
  return hasNotes || !hasPaths ? 'torch.export' : 'torchscript';
}
