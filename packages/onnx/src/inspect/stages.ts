/** What a prune changed in a graph, found by comparing the graph before and after it. */
import type { PrunePlan } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import { nodesBehind } from '../graph/walk.js';
import type { GraphProto, NodeProto } from '../proto/onnx_pb.js';

/** A value whose rows are gathered, and what it is to the layer behind. */
export interface Gathered {
  readonly value: string;
  readonly as: 'stream' | 'projection' | 'norm' | 'angles';
}

/** One prune. */
export interface StageReport {
  /** Layer in front of the prune, from 1. */
  readonly afterLayer: number;
  readonly keepRatio: number;
  /** Values whose rows are gathered. */
  readonly gathered: readonly Gathered[];
  /** Nodes that score and select. */
  readonly scoringNodes: number;
  /** Copies among them, of the layer behind and of what it reads, so that the score sees every token. */
  readonly copiedNodes: number;
  readonly rerooted: {
    /** Side computations that are cloned for the layers behind. */
    readonly clonedNodes: number;
    /** Nodes that make the mask, positions and sizes which the clones start at. */
    readonly addedNodes: number;
    /** What clones and added nodes start at. */
    readonly roots: readonly string[];
  };
}

/** Describes the stages of a pruned graph. */
export function describeStages(
  decoder: Decoder,
  before: GraphProto,
  after: GraphProto,
  plan: PrunePlan,
): StageReport[] {
  const known = new Set(before.node.flatMap(({ output }) => output.filter(Boolean)));
  const isOwn = ({ output }: NodeProto) => output.some((name) => known.has(name));
  const own = after.node.filter(isOwn);
  const added = after.node.filter((node) => !isOwn(node));
  const inputs = new Set(after.input.map(({ name }) => name));
  return plan.stages.map(({ afterLayer, keepRatio }) => {
    const scope = `pruning/after_layer_${afterLayer}/`;
    const partOf = ({ name }: NodeProto) => name.slice(scope.length).split('/')[0] ?? '';
    const inScope = added.filter(({ name }) => name.startsWith(scope));
    const { clones, copies } = copiesIn(added, afterLayer);
    const gathers = inScope.flatMap((node) => {
      const as = crossing(decoder, afterLayer, node, partOf(node));
      return as ? [{ node, as }] : [];
    });
    // The score starts at masks and positions too, in front of the prune: those are its own.
    const isStart = (node: NodeProto) => startParts.has(partOf(node));
    const starts = nodesBehind(
      inScope.filter(isStart),
      [...own, ...clones].flatMap(({ input }) => input),
    );
    const others = new Set([...gathers.map(({ node }) => node), ...starts]);
    const scoring = inScope.filter((node) => !others.has(node) && partOf(node) !== 'angles');
    const stream = gathers.find(({ as }) => as === 'stream')?.node.output[0];
    return {
      afterLayer,
      keepRatio,
      gathered: gathers.map(({ node, as }) => ({ value: node.input[0] ?? '', as })),
      scoringNodes: scoring.length + copies.length,
      copiedNodes: copies.length,
      rerooted: {
        clonedNodes: clones.length,
        addedNodes: starts.length,
        roots: rootsOf([...clones, ...starts], inputs, stream),
      },
    };
  });
}

/** Copies of the graph's own nodes: side computations for the layers behind, and what the score reads. */
function copiesIn(added: readonly NodeProto[], afterLayer: number) {
  const ending = new RegExp(`/(scored_)?after_layer_${afterLayer}(/scored|/side)?$`);
  const clones: NodeProto[] = [];
  const copies: NodeProto[] = [];
  for (const node of added) {
    if (node.name.startsWith('pruning/')) continue;
    const found = node.output.map((name) => ending.exec(name)).find((match) => match !== null);
    if (!found) continue;
    const isScored = found[1] !== undefined || found[2] === '/scored';
    (isScored ? copies : clones).push(node);
  }
  return { clones, copies };
}

/** Where the pass puts what clones start at. */
const startParts = new Set(['mask', 'positions', 'side']);

/** What a node gathers for the layer behind a prune; undefined if it gathers nothing for it. */
function crossing(
  decoder: Decoder,
  afterLayer: number,
  node: NodeProto,
  part: string,
): Gathered['as'] | undefined {
  const next = decoder.layers[afterLayer];
  const [value = ''] = node.input;
  if (node.opType !== 'Gather' || !next) return undefined;
  if (part === 'angles') return 'angles';
  if (value === next.streamIn) return 'stream';
  if (next.attention.projections.includes(value)) return 'projection';
  return value === next.attention.input ? 'norm' : undefined;
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
