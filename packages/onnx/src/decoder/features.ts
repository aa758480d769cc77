/**
 * Modules beside attention and FFN that add features of each token to the stream: Gemma's per-layer inputs. Features
 * are made before layer 1, of the embeddings and of an input of their own, and each layer takes its part of them.
 */

import { walk } from '../graph/walk.js';
import type { NodeProto } from '../proto/onnx_pb.js';
import { type ClassifiedGraph, inputsOf, tokensBehind } from './classified-graph.js';

/** A node of one layer that reads features of all tokens. */
export interface FeatureRead {
  readonly node: NodeProto;
  /** The features, tokens along axis 1; perhaps those of all layers. */
  readonly value: string;
  /** Counted from 0. */
  readonly layer: number;
  /** Inputs of the graph that they are made of. */
  readonly inputs: readonly string[];
}

/** Take one layer's part of the features of all. */
const takesPart: ReadonlySet<string> = new Set([
  'Cast',
  'Gather',
  'Identity',
  'Reshape',
  'Slice',
  'Squeeze',
]);

/** Where a module stands that may read features. */
export interface FeatureSite {
  /** What the module adds. */
  readonly output: string;
  /** The stream before it, under each name. */
  readonly streams: readonly string[];
  /** Counted from 0: the layer that it would end. */
  readonly layer: number;
  /** Whether a value is a cache or a state, before or after the call. */
  isCached(name: string): boolean;
}

/** The features that a module adds to the stream; undefined for any other module. */
export function featuresOf(
  graph: ClassifiedGraph,
  { output, streams, layer, isCached }: FeatureSite,
): FeatureRead[] | undefined {
  const isStream = (name: string) => streams.includes(name);
  const region = [...tokensBehind(graph, output, isStream)];
  if (region.some(isCached)) return undefined;
  const readsStream = (value: string) => [...tokensBehind(graph, value, isStream)].some(isStream);
  const reads = region.flatMap((name): FeatureRead[] => {
    const node = graph.producer.get(name);
    if (!node || isStream(name)) return [];
    const tokens = inputsOf(graph, name, 'token');
    const features = tokens.filter((input) => !readsStream(input));
    if (features.length === tokens.length) return [];
    return features.map((value) => {
      const root = rootOf(graph, node, value);
      return { ...root, layer, inputs: inputsBehind(graph, root.value) };
    });
  });
  return reads.length > 0 ? reads : undefined;
}

/** Where the features of all layers are, and the first node that takes this layer's part. */
function rootOf(graph: ClassifiedGraph, reader: NodeProto, part: string) {
  let [node, value] = [reader, part];
  for (let maker = graph.producer.get(value); maker; maker = graph.producer.get(value)) {
    const [source, other] = inputsOf(graph, value, 'token');
    const isAlone = maker.output.length === 1 && graph.uses.get(value)?.length === 1;
    if (!takesPart.has(maker.opType) || !isAlone || !source || other !== undefined) break;
    [node, value] = [maker, source];
  }
  return { node, value };
}

/** Inputs whose numbers a value is made of; those of a shape are sizes. */
function inputsBehind(graph: ClassifiedGraph, value: string): string[] {
  const behind = walk([value], (name) => {
    const node = graph.producer.get(name);
    return node?.opType === 'Shape' ? [] : (node?.input ?? []);
  });
  return [...behind].filter((name) => graph.input.has(name));
}
