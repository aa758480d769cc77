/**
 * Clones of side computations, rooted at what stands for the graph's inputs behind a prune: the stream
 * that is left, a mask over the stage's own cache and tokens, positions in it.
 */
import { create } from '@bufbuild/protobuf';
import type { Decoder } from '../../decoder/decoder.js';
import { refuse } from '../../decoder/refuse.js';
import type { Emitter } from '../../graph/emitter.js';
import { elementType, type GraphIndex, producersOf } from '../../graph/graph.js';
import { type NodeProto, NodeProtoSchema } from '../../proto/onnx_pb.js';
import { emitMask, emitPositions, emitShape, type StageInputs } from './stage-inputs.js';

/** Inputs that mean the same in front of a prune and behind it. */
const sameEverywhere = new Set(['logits_to_keep', 'num_logits_to_keep', 'use_cache_branch']);

/** What a cloner works on. */
export interface CloneContext {
  readonly source: GraphIndex;
  /** The graph's own nodes. */
  readonly nodes: readonly NodeProto[];
  readonly emitter: Emitter;
  readonly decoder: Decoder;
  readonly kindOf: (name: string) => string;
  readonly layerOfCache: ReadonlyMap<string, number>;
  readonly tokenAxis: (name: string) => number | undefined;
}

/**
 * Clones side computations for layers that see other tokens, or another cache, than the graph's inputs
 * tell; each value once.
 *
 * @param suffix makes the clones' names
 */
export function createCloner(
  context: CloneContext,
  stage: StageInputs,
  suffix: string,
): (name: string) => string {
  const { source, nodes, emitter, decoder, kindOf, layerOfCache } = context;
  const producer = producersOf(nodes);
  const behind = decoder.layers[stage.afterLayer]?.cache;
  const clones = new Map<string, string>();

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
    emitter.scope(`pruning/${suffix}`);
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
    emitter.scope(`pruning/${suffix}`);
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
