/**
 * Re-root: what layers read besides the stream, their weights and their cache (masks, lengths, angles)
 * is a function of the graph's inputs alone. Layers behind a prune read a clone of that function,
 * computed from the stage's own inputs: the stream that is left, a mask over the stage's own cache and
 * tokens, positions in it.
 */
import { create } from '@bufbuild/protobuf';
import type { PositionMode } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import { classify, tokenAxes } from '../decoder/kinds.js';
import { refuse } from '../decoder/refuse.js';
import type { Emitter } from '../graph/emitter.js';
import { elementType, type GraphIndex } from '../graph/graph.js';
import { type NodeProto, NodeProtoSchema } from '../proto/onnx_pb.js';
import type { WorkingGraph } from './region.js';
import { emitMask, emitPositions, emitShape, type StageInputs } from './stage-inputs.js';

/** A prune as the layers behind it see it. */
export interface CutStage extends StageInputs {
  readonly afterLayer: number;
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
  const nodes = [...graph.nodes, ...graph.regions];
  const kindOf = classify(nodes, (name) => source.initializer.has(name), isToken);
  readLengthsOfFirstCache(nodes, decoder, layerOfCache, stages[0]?.afterLayer ?? 0);

  const tokenAxis = tokenAxes(
    nodes,
    (name) => name === decoder.inputs.embeddings || stageOf.has(name),
  );
  const clones = stages.map((stage) =>
    createCloner({ source, nodes, emitter, decoder, stage, kindOf, layerOfCache, tokenAxis }),
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
  const producer = new Map(nodes.flatMap((node) => node.output.map((name) => [name, node])));
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

/** Inputs that mean the same in front of a prune and behind it. */
const sameEverywhere = new Set(['logits_to_keep', 'num_logits_to_keep', 'use_cache_branch']);

interface CloneContext {
  readonly source: GraphIndex;
  readonly nodes: readonly NodeProto[];
  readonly emitter: Emitter;
  readonly decoder: Decoder;
  readonly stage: CutStage;
  readonly kindOf: (name: string) => string;
  readonly layerOfCache: ReadonlyMap<string, number>;
  readonly tokenAxis: (name: string) => number | undefined;
}

/** Clones side computations for one stage; each value once. */
function createCloner(context: CloneContext): (name: string) => string {
  const { source, nodes, emitter, decoder, stage, kindOf, layerOfCache } = context;
  const producer = new Map(
    nodes.flatMap((node) => node.output.filter(Boolean).map((name) => [name, node])),
  );
  const behind = decoder.layers[stage.afterLayer]?.cache;
  const clones = new Map<string, string>();
  const suffix = `after_layer_${stage.afterLayer}`;

  const substitute = (name: string): string | undefined => {
    const { attentionMask, embeddings, positionIds } = decoder.inputs;
    if (name === attentionMask) {
      return emitMask(emitter, stage, behind?.pastKey, elementType(source.input.get(name)));
    }
    if (name === embeddings) return stage.stream;
    if (name === positionIds) return emitPositions(emitter, stage, behind?.pastKey, source, name);
    if (layerOfCache.has(name)) {
      const isKey = decoder.layers.some(({ cache }) => cache.pastKey === name);
      return isKey ? behind?.pastKey : behind?.pastValue;
    }
    return sameEverywhere.has(name) ? name : undefined;
  };
  const root = (name: string): string =>
    substitute(name) ??
    refuse({
      where: `behind the prune after layer ${stage.afterLayer}`,
      expected: `values that depend on ${decoder.inputs.attentionMask}, positions and sizes`,
      found: `${source.input.has(name) ? 'the input ' : ''}${name}, for which no value behind a prune is known`,
    });
  const clone = (name: string): string => {
    const known = clones.get(name);
    if (known) return known;
    const node = producer.get(name);
    emitter.scope(`pruning/${suffix}/side`);
    const input = node?.input[0] ?? '';
    const isInnerShape =
      node?.opType === 'Shape' &&
      kindOf(input) === 'token' &&
      producer.has(input) &&
      !layerOfCache.has(input);
    if (!node || isInnerShape) {
      const made = node ? emitShape(emitter, node, stage, context) : root(name);
      clones.set(name, made);
      return made;
    }
    const inputs = node.input.map((value) =>
      value === '' || kindOf(value) === 'constant' ? value : clone(value),
    );
    emitter.scope(`pruning/${suffix}/side`);
    const output = node.output.map((value) => (value ? `${value}/${suffix}` : ''));
    emitter.nodes.push(
      create(NodeProtoSchema, { ...node, name: output[0] ?? '', input: inputs, output }),
    );
    node.output.forEach((value, i) => {
      clones.set(value, output[i] ?? '');
    });
    return clones.get(name) ?? '';
  };
  return clone;
}
