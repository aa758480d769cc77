/** What a prune changed in a graph, as the passes say what each node that they added is for. */
import type { PrunePlan } from '@transprune/core';
import type { Decoder, DecoderLayer } from '../decoder/decoder.js';
import { isScoring, type ProvenanceOf, type Role } from '../graph/provenance.js';
import { allNodes } from '../graph/subgraphs.js';
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js';

/** A value whose rows are gathered, and what it is to the layers after the prune. */
export interface Gathered {
  readonly value: string;
  readonly as: 'stream' | 'projection' | 'norm' | 'angles' | 'features';
}

/** One prune. */
export interface StageReport {
  /** Layer before the prune, from 1. */
  readonly afterLayer: number;
  readonly keepRatio: number;
  /** Values whose rows are gathered. */
  readonly gathered: readonly Gathered[];
  /** Nodes that score and select; they run only in a call with an image token. */
  readonly scoringNodes: number;
  /** Copies among them, of the next layer and of what it reads, so that the score sees every token. */
  readonly copiedNodes: number;
  readonly rebased: {
    /** Nodes of derived values that are cloned for the layers after the prune. */
    readonly clonedNodes: number;
    /** Nodes that make the mask, positions and sizes which the clones start at. */
    readonly addedNodes: number;
    /** What clones and added nodes start at. */
    readonly roots: readonly string[];
  };
}

/**
 * Describes the stages of a pruned graph.
 *
 * @param decoder the reading before the prune
 * @param after the pruned graph
 * @param provenanceOf what its nodes are for
 */
export function describeStages(
  decoder: Decoder,
  after: GraphProto,
  plan: PrunePlan,
  provenanceOf: ProvenanceOf,
): StageReport[] {
  const added = allNodes(after).map((node) => ({ node, origin: provenanceOf(node) }));
  const inputs = new Set(after.input.map(({ name }) => name));
  return plan.stages.map(({ afterLayer, keepRatio }, index) => {
    const own = added.filter(({ origin }) => origin?.stage === index);
    const of = (role: Role) =>
      own.flatMap(({ node, origin }) => (origin?.role === role ? node : []));
    const [gathers, angles] = [of('gather'), of('angles')].map((nodes) =>
      nodes.filter(({ opType }) => opType === 'Gather'),
    );
    const next = decoder.layers[afterLayer];
    const [clones, starts] = [of('derived'), of('stage-input')];
    return {
      afterLayer,
      keepRatio,
      gathered: [
        ...(gathers ?? []).map(({ input: [value = ''] }) => ({ value, as: roleOf(value, next) })),
        ...(angles ?? []).map(({ input: [value = ''] }) => ({
          value,
          as: isInjected(decoder, value) ? ('features' as const) : ('angles' as const),
        })),
      ],
      scoringNodes: own.filter(({ origin }) => isScoring(origin)).length,
      copiedNodes: of('copy').length,
      rebased: {
        clonedNodes: clones.length,
        addedNodes: starts.length,
        roots: rootsOf([...clones, ...starts], inputs, streamAfter(after, next)),
      },
    };
  });
}

/** True for features that are added to the stream, and for what earlier prunes left of them. */
function isInjected({ injections, features }: Decoder, value: string): boolean {
  return [...injections, ...features].some(
    (own) => value === own.value || value.startsWith(`${own.value}/`),
  );
}

/** What a gathered value is to the next layer. */
function roleOf(value: string, next: DecoderLayer | undefined): Gathered['as'] {
  if (value === (next?.stack?.predictions ?? next?.streamIn)) return 'stream';
  return next?.attention?.projections.includes(value) ? 'projection' : 'norm';
}

/** The stream that is left, as the layer's join reads it after the prune. */
function streamAfter(after: GraphProto, next: DecoderLayer | undefined): string | undefined {
  const output = next?.middleJoin.output.find((name) => name !== '');
  const join = after.node.find((node) => output !== undefined && node.output.includes(output));
  return join?.input.find((name, at) => name !== next?.middleJoin.input[at]);
}

/** Graph inputs, and the stream that is left, that nodes read; `shape of` where only that is read. */
function rootsOf(
  nodes: readonly NodeProto[],
  inputs: ReadonlySet<string>,
  stream: string | undefined,
): string[] {
  const roots = new Map<string, boolean>();
  for (const { opType, input } of nodes) {
    for (const name of input) {
      if (name !== stream && !inputs.has(name)) continue;
      const label = name === stream ? 'the stream that is left' : name;
      roots.set(label, (roots.get(label) ?? true) && opType === 'Shape');
    }
  }
  return [...roots].map(([name, isShape]) => (isShape ? `shape of ${name}` : name)).sort();
}
