/**
 * Clones of derived values, made of what stands for the graph's inputs after a prune: the stream that is
 * left, a mask over the stage's own cache and tokens, positions in it.
 */

import { create } from '@bufbuild/protobuf';
import { ports } from '@transprune/core';
import { firstCache } from '../../decoder/caches.js';
import type { Decoder } from '../../decoder/decoder.js';
import { refuse } from '../../decoder/refuse.js';
import { elementType, type GraphIndex } from '../../graph/graph.js';
import { walk } from '../../graph/walk.js';
import { type NodeProto, NodeProtoSchema } from '../../proto/onnx_pb.js';
import { maskReader } from './mask-readers.js';
import { emitMask, emitPositions, emitShape, type StageInputs } from './stage-inputs.js';

/** Inputs that mean the same before and after a prune. */
const sameEverywhere = new Set<string>([...ports.logitsToKeep, ports.useCacheBranch]);

/** What a cloner works on. */
export interface CloneContext {
  readonly source: GraphIndex;
  /** The graph's own nodes by what they make, and their places: each after those that it reads. */
  readonly producer: ReadonlyMap<string, NodeProto>;
  readonly order: ReadonlyMap<NodeProto, number>;
  readonly decoder: Decoder;
  readonly kindOf: (name: string) => string;
  readonly layerOfCache: ReadonlyMap<string, number>;
  readonly tokenAxis: (name: string) => number | undefined;
}

/**
 * Clones derived values for layers that see other tokens, or another cache, than the graph's inputs tell;
 * each value once, and equal computations once.
 *
 * @returns gives a value's clone
 * @throws TransPruneError UNSUPPORTED_MODEL, from what it returns, for a value that cannot be made anew
 */
export function createCloner(context: CloneContext, stage: StageInputs): (name: string) => string {
  const { source, producer, order, decoder, kindOf, layerOfCache, tokenAxis } = context;
  const placeOf = (node: NodeProto) => order.get(node) ?? 0;
  const next = firstCache(decoder.layers.slice(stage.afterLayer));
  const hasPast = firstCache(decoder.layers)?.pastKey !== undefined;
  const states = new Set(decoder.layers.flatMap((layer) => layer.states.map(({ past }) => past)));
  const clones = new Map<string, string>();
  const { attentionMask, embeddings, positionIds } = decoder.inputs;
  const maskType = elementType(source.input.get(attentionMask));
  const readMask = maskReader({ ...context, stage, pastKey: next?.pastKey, maskType });

  const substitute = (name: string): string | undefined => {
    // A state is as large after a prune as before it.
    if (states.has(name)) return name;
    if (name === embeddings) return stage.stream;
    // Without a cache after the prune nothing tells how long the past is.
    if (hasPast && next === undefined) return undefined;
    if (name === attentionMask) return emitMask(stage, next?.pastKey, maskType);
    if (name === positionIds) return emitPositions(stage, next?.pastKey, source, name);
    if (layerOfCache.has(name)) {
      const isKey = decoder.layers.some(({ cache }) => cache?.pastKey === name);
      return isKey ? next?.pastKey : next?.pastValue;
    }
    return sameEverywhere.has(name) ? name : undefined;
  };
  const root = (name: string): string =>
    substitute(name) ??
    refuse({
      where: `after the prune after layer ${stage.afterLayer}`,
      expected: `values that depend on ${attentionMask}, positions and sizes`,
      found: `${source.input.has(name) ? 'the input ' : ''}${name}, for which no value after a prune is known`,
    });
  /** Sizes of a value of the graph's own, not of an input. */
  const isInnerShape = ({ opType, input: [input = ''] }: NodeProto) =>
    opType === 'Shape' &&
    kindOf(input) === 'token' &&
    producer.has(input) &&
    !layerOfCache.has(input);
  const cloned = (name: string): string => {
    if (name === '' || kindOf(name) === 'constant') return name;
    const known = clones.get(name);
    if (known !== undefined) return known;
    const made = root(name);
    clones.set(name, made);
    return made;
  };
  const make = (node: NodeProto): readonly string[] => {
    if (isInnerShape(node)) return [emitShape(stage, node, tokenAxis(node.input[0] ?? ''))];
    const read = readMask(node);
    if (read !== undefined) return [read];
    const output = node.output.map((value) => (value ? `${value}/${stage.suffix}` : ''));
    const input = node.input.map(cloned);
    return stage.clones.addOnce(
      create(NodeProtoSchema, { ...node, name: output[0] ?? '', input, output }),
    );
  };
  const inputsOf = (name: string): readonly string[] => {
    const node = clones.has(name) ? undefined : producer.get(name);
    if (!node || isInnerShape(node)) return [];
    return node.input.filter((input) => input !== '' && kindOf(input) !== 'constant');
  };
  return (name) => {
    if (clones.has(name)) return cloned(name);
    const upstream = new Set<NodeProto>();
    for (const value of walk([name], inputsOf)) {
      const node = clones.has(value) ? undefined : producer.get(value);
      if (node) upstream.add(node);
    }
    for (const node of [...upstream].sort((a, b) => placeOf(a) - placeOf(b))) {
      const made = make(node);
      node.output.forEach((value, i) => {
        if (value !== '') clones.set(value, made[i] ?? '');
      });
    }
    return cloned(name);
  };
}
