/** A decoder's layers in words: what the reading found, grouped by what layers have in common. */

import { type ClassifiedGraph, tokensBehind } from '../decoder/classified-graph.js';
import type {
  AttentionModule,
  AttentionReading,
  Decoder,
  DecoderLayer,
} from '../decoder/decoder.js';
import { linearInto, withoutBias } from '../decoder/linear.js';
import { projectionsOf } from '../decoder/modules.js';
import { fusedJoins, fusedNorms, products } from '../decoder/operators.js';
import { operatorName } from '../graph/graph.js';

/** What a layer is made of; the same for all layers of a group. */
export interface LayerReport {
  /** What mixes tokens: a family of attention, or those of a layer's states. */
  readonly mixer: string;
  /** Null for a layer without attention; so are sizes of heads and what follows of attention. */
  readonly attentionFamily: string | null;
  /** Operators of the nodes that mix tokens. */
  readonly operator: string;
  readonly heads: number | null;
  readonly kvHeads: number | null;
  readonly headDim: number | null;
  /** The layer, from 1, whose keys and values attention reads; null: its own. */
  readonly lender: number | null;
  /** `inside`: the attention node rotates; an operator's name; `spelled out`; null: none was found. */
  readonly rotary: string | null;
  /** Leading features of a head that are rotated, where the attention node tells. */
  readonly rotated: number | null;
  /** Tokens that a row sees at most; null: all. */
  readonly window: number | null;
  /** Logits are capped, by the node or before the softmax. */
  readonly softcap: boolean;
  /** What the mixer projects its norm to, by one matrix or several, the operator that multiplies, and biases. */
  readonly projections: {
    readonly matrices: number;
    readonly operator: string;
    readonly biased: boolean;
  };
  /** Operators of norms, `spelled out` for plain ones; null where there is none. */
  readonly norms: {
    readonly attention: string | null;
    readonly queries: string | null;
    readonly afterAttention: string | null;
    readonly ffn: string | null;
    readonly afterFfn: string | null;
  };
  /** Mixer and FFN stand side by side. */
  readonly parallel: boolean;
  /** Features of each token are added to the stream besides: per-layer inputs. */
  readonly features: boolean;
  /** False in a graph that starts without a cache. */
  readonly readsPast: boolean;
}

/** Layers that are alike. */
export interface LayerGroup extends LayerReport {
  /** Numbers of the layers, from 1. */
  readonly layers: readonly number[];
}

/** Groups the layers of a decoder. */
export function groupLayers(decoder: Decoder): LayerGroup[] {
  const groups = new Map<string, { report: LayerReport; layers: number[] }>();
  decoder.layers.forEach((layer, at) => {
    const features = decoder.features.some((read) => read.layer === at);
    const report = { ...describeLayer(decoder.graph, layer), features };
    const key = JSON.stringify(report);
    const group = groups.get(key) ?? { report, layers: [] };
    group.layers.push(at + 1);
    groups.set(key, group);
  });
  return [...groups.values()].map(({ report, layers }) => ({ layers, ...report }));
}

function describeLayer(graph: ClassifiedGraph, layer: DecoderLayer): Omit<LayerReport, 'features'> {
  const { mixer, attention, ffn, cache } = layer;
  const readings = 'readings' in mixer ? mixer.readings : [mixer.reading];
  const names = readings.map(({ family }) => family.name);
  const projections = attention?.projections ?? projectionsOf(graph, mixer);
  const isProjection = (name: string) => projections.includes(name);
  const isLinear = (name: string) => linearInto(graph, name) !== undefined;
  const isStream = (name: string) => name === layer.streamIn || isJoin(graph, name);
  const queries = attention?.reading.queries.value;
  return {
    mixer: unique(names).join(' + '),
    operator: unique(readings.map(({ node }) => node.opType)).join(', '),
    ...attentionOf(attention),
    projections: {
      matrices: projections.length,
      operator: unique(projections.map((name) => multiplierOf(graph, name))).join(', '),
      biased: projections.some((name) => isBiased(graph, name)),
    },
    norms: {
      attention: normName(graph, mixer.input, isStream),
      queries: queries === undefined ? null : normName(graph, queries, isProjection),
      afterAttention: normName(graph, mixer.output, isLinear),
      ffn: normName(graph, ffn.input, isStream),
      afterFfn: normName(graph, ffn.output, isLinear),
    },
    parallel: ffn.isParallel === true,
    readsPast: cache ? cache.pastKey !== undefined : true,
  };
}

/** What is told of attention alone. */
function attentionOf(attention: AttentionModule | undefined) {
  const { reading, lender } = attention ?? {};
  const { heads, kvHeads, headDim, softcap } = reading?.shape ?? {};
  const isCapped = (reading?.logitNodes ?? []).some(({ opType }) => opType === 'Tanh');
  return {
    attentionFamily: reading?.family.name ?? null,
    heads: heads ?? null,
    kvHeads: kvHeads ?? null,
    headDim: headDim ?? null,
    lender: lender === undefined ? null : lender + 1,
    rotary: reading ? rotaryOf(reading) : null,
    rotated: reading?.fusedRotary?.rotated ?? null,
    window: reading?.window ?? null,
    softcap: softcap !== undefined || isCapped,
  };
}

function rotaryOf(reading: AttentionReading): string | null {
  if (reading.fusedRotary) return 'inside';
  const operators = unique(reading.angles.map(({ node }) => operatorName(node)));
  if (operators.length === 0) return null;
  return operators.every((name) => name === 'Mul') ? 'spelled out' : operators.join(', ');
}

/** The norm before a value, looked for up to where it starts. */
function normName(
  graph: ClassifiedGraph,
  value: string,
  isStart: (name: string) => boolean,
): string | null {
  const found = new Set<string>();
  for (const name of tokensBehind(graph, value, isStart)) {
    const node = graph.producer.get(name);
    if (!node) continue;
    // One node adds and norms: its first output is the norm, named as where it stands alone.
    if (fusedJoins.has(node.opType) && node.output[0] === name) {
      found.add(node.opType.slice('Skip'.length));
    }
    if (isStart(name)) continue;
    if (fusedNorms.has(node.opType)) found.add(node.opType);
    if (node.opType === 'ReduceMean') found.add('spelled out');
  }
  return found.size > 0 ? [...found].sort().join(', ') : null;
}

/** True for values of a node that adds two values of tokens. */
function isJoin(graph: ClassifiedGraph, name: string): boolean {
  const node = graph.producer.get(name);
  if (!node) return true;
  if (fusedJoins.has(node.opType)) return true;
  return node.opType === 'Add' && node.input.every((input) => graph.kindOf(input) === 'token');
}

/** The operator that multiplies a projection's weight. */
function multiplierOf(graph: ClassifiedGraph, value: string): string {
  const open = [value];
  for (let name = open.shift(); name !== undefined; name = open.shift()) {
    const node = graph.producer.get(name);
    if (!node) continue;
    if (products.has(node.opType)) return node.opType;
    open.push(...node.input.filter((input) => graph.kindOf(input) === 'token'));
  }
  return 'unknown';
}

function isBiased(graph: ClassifiedGraph, value: string): boolean {
  const node = graph.producer.get(value);
  return node !== undefined && withoutBias(graph, node) !== undefined;
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];
