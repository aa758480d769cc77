/**
 * Re-root: what layers read besides the stream, their weights and their cache (masks, lengths, angles)
 * is a function of the graph's inputs alone. Layers behind a prune read a clone of that function,
 * computed from the stage's own inputs: the stream that is left, a mask over the stage's own cache and
 * tokens, positions in it.
 */
import type { PositionMode } from '@transprune/core';
import type { Decoder } from '../../decoder/decoder.js';
import { classify, tokenAxes } from '../../decoder/kinds.js';
import { refuse } from '../../decoder/refuse.js';
import type { Emitter } from '../../graph/emitter.js';
import { type GraphIndex, producersOf } from '../../graph/graph.js';
import type { NodeProto } from '../../proto/onnx_pb.js';
import type { WorkingGraph } from '../working-graph.js';
import { createCloner } from './derived.js';
import type { StageInputs } from './stage-inputs.js';

/** A prune as the layers behind it see it. */
export interface CutStage extends StageInputs {
  /** The same in front of the prune, with the cache of the layer behind it: what the score sees. */
  readonly scored: StageInputs;
  /** Every value that the cut gathered. */
  readonly gathered: readonly string[];
  /** Takes the rows that stay from a value of the stage before. */
  gather(value: string, axis: number): string;
}

/**
 * Makes every node behind a prune read values of its own stage.
 *
 * @param source the graph as it came
 * @param graph its nodes, already reading the gathered values; their inputs are rewritten in place
 * @param emitter takes the clones
 * @throws TransPruneError UNSUPPORTED_MODEL if a node behind a prune reads something else that has the
 *   length before it
 */
export function reroot(
  source: GraphIndex,
  graph: WorkingGraph,
  emitter: Emitter,
  decoder: Decoder,
  stages: readonly CutStage[],
  positions: PositionMode,
): void {
  const stageOf = new Map<string, number>();
  for (const [index, { gathered }] of stages.entries()) {
    for (const name of gathered) stageOf.set(name, index + 1);
  }
  const layerOfCache = new Map(
    decoder.layers.flatMap(({ cache }, layer) => [
      [cache.pastKey ?? '', layer + 1] as const,
      [cache.pastValue ?? '', layer + 1] as const,
    ]),
  );
  layerOfCache.delete('');
  const isToken = (name: string) =>
    name === decoder.inputs.embeddings || layerOfCache.has(name) || stageOf.has(name);
  const { nodes } = graph;
  const added = new Set(emitter.initializers.map(({ name }) => name));
  const isInitializer = (name: string) => source.initializer.has(name) || added.has(name);
  const kindOf = classify([...nodes, ...graph.regions.flat()], isInitializer, isToken);
  readLengthsOfFirstCache(nodes, decoder, layerOfCache, stages[0]?.afterLayer ?? 0);

  const tokenAxis = tokenAxes(
    nodes,
    (name) => name === decoder.inputs.embeddings || stageOf.has(name),
  );
  const context = { source, nodes, emitter, decoder, kindOf, layerOfCache, tokenAxis };
  const clones = stages.map((stage) =>
    createCloner(context, stage, `after_layer_${stage.afterLayer}/side`),
  );
  const angles = new Map<string, string>();
  /** Angles of a stage: those of the tokens that stay. */
  const keptAngle = (depth: number, name: string, axis: number): string => {
    const stage = stages[depth - 1];
    if (!stage) return name;
    const key = `${depth}/${axis}/${name}`;
    const known = angles.get(key);
    if (known) return known;
    const before = keptAngle(depth - 1, name, axis);
    emitter.scope(`pruning/after_layer_${stage.afterLayer}/angles`);
    const rows = stage.gather(before, axis);
    angles.set(key, rows);
    return rows;
  };
  for (const node of nodes) {
    const depth = Math.max(0, ...node.input.map((name) => stageOf.get(name) ?? 0));
    const stage = stages[depth - 1];
    if (!stage) {
      noteCacheOnly(node, kindOf, layerOfCache);
      continue;
    }
    const axes = positions === 'keep' ? graph.angles.get(node) : undefined;
    node.input = node.input.map((name) => {
      if (stageOf.get(name) === depth || kindOf(name) === 'constant') return name;
      const cachedLayer = layerOfCache.get(name);
      if (cachedLayer !== undefined && cachedLayer > stage.afterLayer) return name;
      const axis = axes?.get(name);
      if (axis !== undefined) return keptAngle(depth, name, axis);
      const clone = kindOf(name) === 'side' ? clones[depth - 1] : undefined;
      if (!clone) {
        return refuse({
          where: `behind the prune after layer ${stage.afterLayer}`,
          expected: 'only values of the tokens that are left',
          found: `${name}, which has the length before the prune`,
          node,
        });
      }
      return clone(name);
    });
    for (const name of node.output) if (name !== '') stageOf.set(name, depth);
  }
  for (const [index, { scored }] of stages.entries()) {
    const clone = createCloner(context, scored, `after_layer_${scored.afterLayer}/scored`);
    const own = new Set(graph.regions[index]?.flatMap(({ output }) => output));
    for (const node of graph.regions[index] ?? []) {
      const axes = positions === 'keep' ? graph.angles.get(node) : undefined;
      node.input = node.input.map((name) => {
        const axis = axes?.get(name);
        if (axis !== undefined) return keptAngle(index, name, axis);
        return kindOf(name) === 'side' && !own.has(name) ? clone(name) : name;
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
 * Exporters take sizes from whatever cache is at hand. In front of the first prune that has to be one
 * that is not pruned.
 */
function readLengthsOfFirstCache(
  nodes: readonly NodeProto[],
  decoder: Decoder,
  layerOfCache: ReadonlyMap<string, number>,
  firstPrune: number,
): void {
  const first = decoder.layers[0]?.cache;
  const producer = producersOf(nodes);
  const cacheBehind = (name: string): string => {
    const node = producer.get(name);
    return node && node.input.length === 1 ? cacheBehind(node.input[0] ?? '') : name;
  };
  for (const node of nodes) {
    const name = node.opType === 'Shape' ? cacheBehind(node.input[0] ?? '') : '';
    if ((layerOfCache.get(name) ?? 0) <= firstPrune) continue;
    const isKey = decoder.layers.some(({ cache }) => cache.pastKey === name);
    node.input = [(isKey ? first?.pastKey : first?.pastValue) ?? name];
  }
}
