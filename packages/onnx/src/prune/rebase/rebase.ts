/**
 * Rebase: what layers read besides the stream, their weights and their cache (masks, lengths, angles) is a
 * function of the graph's inputs alone, a derived value. Layers after a prune read a clone of that function,
 * computed from the stage's own inputs: the stream that is left, a mask over the stage's own cache and
 * tokens, positions in it.
 */
import type { PositionMode } from '@transprune/core';
import { holdsPositions } from '../../decoder/attention/mask.js';
import { firstCache, pastsOf } from '../../decoder/caches.js';
import type { Decoder } from '../../decoder/decoder.js';
import { classify, tokenAxes } from '../../decoder/kinds.js';
import { refuse } from '../../decoder/refuse.js';
import { producersOf } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { WorkingGraph } from '../working-graph.js';
import { createCloner } from './derived.js';
import { keptAngles, keptRows } from './kept-angles.js';
import type { StageInputs } from './stage-inputs.js';

/** A prune as the layers after it see it. */
export interface CutStage extends StageInputs {
  /** The same before the prune, with the cache of the layer after it: what the score sees. */
  readonly scored: StageInputs;
  /** Every value that the cut gathered. */
  readonly gathered: readonly string[];
  /** The one of them that holds several streams. */
  readonly stack: string | undefined;
  /** Takes the angles of the tokens that stay from those of the stage before. */
  gather(value: string, axis: number): string;
}

/**
 * Makes every node after a prune read values of its own stage.
 *
 * @param graph the decoder's nodes, already reading the gathered values; their inputs are rewritten in place
 * @param isAdded whether a name is a constant that the passes added
 * @throws TransPruneError UNSUPPORTED_MODEL if a node after a prune reads something else that has the
 *   length before it
 */
export function rebase(
  graph: WorkingGraph,
  decoder: Decoder,
  stages: readonly CutStage[],
  positions: PositionMode,
  isAdded: (name: string) => boolean,
): void {
  const stageOf = new Map<string, number>();
  for (const [index, { gathered }] of stages.entries()) {
    for (const name of gathered) stageOf.set(name, index + 1);
  }
  const layerOfCache = new Map(
    decoder.layers.flatMap((own, layer) => pastsOf(own).map((name) => [name, layer + 1] as const)),
  );
  const noTokens = new Set(
    decoder.layers.flatMap(({ attention }) => attention?.reading.noTokens ?? []),
  );
  const readMasks = new Set(
    decoder.layers.flatMap(({ attention }) => attention?.reading.derivedInputs ?? []),
  );
  // What the passes made themselves tells of padding.
  const isMask = (name: string) => readMasks.has(name) || !decoder.graph.producer.has(name);
  const isToken = (name: string) =>
    name === decoder.inputs.embeddings || layerOfCache.has(name) || stageOf.has(name);
  const { nodes } = graph;
  // Inputs change below, outputs do not.
  const producer = producersOf(nodes);
  const source = decoder.graph;
  const isInitializer = (name: string) => source.initializer.has(name) || isAdded(name);
  const kindOf = classify([...nodes, ...graph.regions.flat()], isInitializer, isToken);
  const [first] = stages;
  if (!first) return;
  readLengthsOfFirstCache({ nodes, producer }, decoder, layerOfCache, first.afterLayer);

  // Of now: what is made of them is noted in `stageOf` below, whatever its axes are.
  const entering = decoder.layers.flatMap(({ streamIn, stack }) =>
    stack ? [streamIn, stack.active] : [],
  );
  const stacks = new Set([
    ...decoder.layers.flatMap(({ stack }) => stack?.predictions ?? []),
    ...stages.flatMap(({ stack }) => stack ?? []),
  ]);
  const streams = new Set([decoder.inputs.embeddings, ...stageOf.keys(), ...entering]);
  const tokenAxis = tokenAxes(
    nodes,
    (name) => streams.has(name) && !stacks.has(name),
    (name) => stacks.has(name),
  );
  const order = new Map(nodes.map((node, at) => [node, at]));
  const context = { source, producer, order, decoder, kindOf, layerOfCache, tokenAxis };
  const clones = stages.map((stage) => createCloner(context, stage));
  const keptAngle = keptAngles(graph, decoder, stages);
  for (const node of nodes) {
    const own = graph.perToken.get(node);
    const depth = Math.max(
      own ? stages.filter(({ afterLayer }) => afterLayer <= own.layer).length : 0,
      ...node.input.map((name) => stageOf.get(name) ?? 0),
    );
    const stage = stages[depth - 1];
    if (!stage) {
      noteCacheOnly(node, kindOf, layerOfCache);
      continue;
    }
    const axes = positions === 'keep' ? graph.angles.get(node) : undefined;
    node.input = node.input.map((name) => {
      if (noTokens.has(name)) return name;
      const made = stageOf.get(name) ?? 0;
      if (own?.value === name) return keptRows(stages.slice(made, depth), name, 1);
      const axis = axes?.get(name);
      if (made > 0 && axis !== undefined && axis !== 'places' && kindOf(name) === 'derived') {
        refuse({
          where: `after the prune after layer ${stage.afterLayer}`,
          expected:
            'angles or positions of all tokens, for kept positions (use --positions renumber)',
          found: `${name}, which is made of the number of tokens that are left`,
          node,
        });
      }
      if (made === depth || kindOf(name) === 'constant') {
        return name;
      }
      const cachedLayer = layerOfCache.get(name);
      if (cachedLayer !== undefined && cachedLayer > stage.afterLayer) return name;
      if (axis !== undefined && axis !== 'places') {
        return keptAngle(depth, name, axis);
      }
      const clone = kindOf(name) === 'derived' ? clones[depth - 1] : undefined;
      if (!clone) {
        return refuse({
          where: `after the prune after layer ${stage.afterLayer}`,
          expected: 'only values of the tokens that are left',
          found: `${name}, which has the length before the prune`,
          node,
        });
      }
      if (
        positions === 'keep' &&
        axis !== 'places' &&
        holdsPositions({ ...source, producer }, name, isMask(name))
      ) {
        refuse({
          where: `after the prune after layer ${stage.afterLayer}`,
          expected:
            'positions to be read as angles only, where they are kept (use --positions renumber)',
          found: `${name}, made of positions otherwise`,
          node,
        });
      }
      return clone(name);
    });
    for (const name of node.output) if (name !== '') stageOf.set(name, depth);
  }
  for (const [index, { scored }] of stages.entries()) {
    const clone = createCloner(context, scored);
    const own = new Set(graph.regions[index]?.flatMap(({ output }) => output));
    for (const node of graph.regions[index] ?? []) {
      const axes = positions === 'keep' ? graph.angles.get(node) : undefined;
      node.input = node.input.map((name) => {
        const axis = axes?.get(name);
        if (axis !== undefined && axis !== 'places') return keptAngle(index, name, axis);
        return kindOf(name) === 'derived' && !own.has(name) ? clone(name) : name;
      });
    }
  }
}

/** What is made of one layer's cache alone belongs to that layer, whatever stage it is in. */
function noteCacheOnly(
  node: NodeProto,
  kindOf: (name: string) => string,
  layerOfCache: Map<string, number>,
): void {
  if (node.opType === 'Shape') return;
  const inputs = node.input.filter((name) => kindOf(name) !== 'constant');
  const [layer, other] = new Set(inputs.map((name) => layerOfCache.get(name)));
  if (layer === undefined || other !== undefined) return;
  for (const name of node.output) layerOfCache.set(name, layer);
}

/**
 * Exporters take sizes from whatever cache is at hand. Before the first prune that has to be one that is
 * not pruned.
 */
function readLengthsOfFirstCache(
  { nodes, producer }: Pick<WorkingGraph, 'nodes' | 'producer'>,
  decoder: Decoder,
  layerOfCache: ReadonlyMap<string, number>,
  firstPrune: number,
): void {
  const first = firstCache(decoder.layers.slice(0, firstPrune));
  const keys = new Set(decoder.layers.map(({ cache }) => cache?.pastKey));
  const states = new Set(decoder.layers.flatMap((layer) => layer.states.map(({ past }) => past)));
  for (const node of nodes) {
    let name = node.opType === 'Shape' ? (node.input[0] ?? '') : '';
    // Operators of one input lie between a cache and its sizes, if any.
    for (let maker = producer.get(name); maker?.input.length === 1; maker = producer.get(name)) {
      name = maker.input[0] ?? '';
    }
    // A state is as large after a prune as before it.
    if ((layerOfCache.get(name) ?? 0) <= firstPrune || states.has(name)) continue;
    const source = keys.has(name) ? first?.pastKey : first?.pastValue;
    if (source === undefined) {
      refuse({
        where: `before the prune after layer ${firstPrune}`,
        expected:
          'no length of a cache to be read, or a cache before the first prune (prune after the first layer with attention)',
        found: `the length of ${name}`,
        node,
      });
    }
    node.input = [source];
  }
}
