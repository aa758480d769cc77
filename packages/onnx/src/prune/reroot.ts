/**
 * Re-root: what layers read besides the stream, their weights and their cache (masks, lengths) is a
 * function of the graph's inputs alone. Layers behind a prune read a clone of that function, computed
 * from the stage's own inputs: the stream that is left, a mask over the stage's own cache and tokens.
 */
import { create } from '@bufbuild/protobuf';
import type { Decoder } from '../decoder/decoder.js';
import { refuse } from '../decoder/refuse.js';
import { type Emitter, tensor } from '../graph/emitter.js';
import { type NodeProto, NodeProtoSchema, TensorProto_DataType } from '../proto/onnx_pb.js';

/** A prune as the layers behind it see it. */
export interface CutStage {
  readonly afterLayer: number;
  /** The residual stream that is left, `[batch, kept, hidden]`. */
  readonly stream: string;
  /** Every value that the cut gathered. */
  readonly gathered: readonly string[];
}

/**
 * - `constant`: weights and what is made of them
 * - `side`: a function of the inputs' shapes and of the attention mask
 * - `token`: holds something for each token
 */
type Kind = 'constant' | 'side' | 'token';

/**
 * Makes every node behind a prune read values of its own stage.
 *
 * @param nodes the graph's own nodes in their order, already reading the gathered values; their
 *   inputs are rewritten in place
 * @param isInitializer whether a name is a weight
 * @param emitter takes the clones
 * @throws TransPruneError UNSUPPORTED_MODEL if a node behind a prune reads something else that has the
 *   length before it
 */
export function reroot(
  nodes: readonly NodeProto[],
  isInitializer: (name: string) => boolean,
  emitter: Emitter,
  decoder: Decoder,
  stages: readonly CutStage[],
): void {
  const producer = new Map(
    nodes.flatMap((node) => node.output.filter(Boolean).map((name) => [name, node])),
  );
  const stageOf = new Map<string, number>();
  for (const [index, { gathered }] of stages.entries()) {
    for (const name of gathered) stageOf.set(name, index + 1);
  }
  const layerOfCache = new Map(
    decoder.layers.flatMap(({ cache }, layer) => [
      [cache.pastKey, layer + 1] as const,
      [cache.pastValue, layer + 1] as const,
    ]),
  );
  const kinds = new Map<string, Kind>();
  const kindOf = (name: string): Kind => {
    const known = kinds.get(name);
    if (known) return known;
    const node = producer.get(name);
    const inputs = node?.input.map(kindOf) ?? [];
    const holdsTokens = node
      ? node.opType !== 'Shape' && inputs.includes('token')
      : name === decoder.inputs.embeddings || layerOfCache.has(name) || stageOf.has(name);
    const isConstant = node
      ? inputs.every((input) => input === 'constant')
      : name === '' || isInitializer(name);
    const kind = holdsTokens ? 'token' : isConstant ? 'constant' : 'side';
    kinds.set(name, kind);
    return kind;
  };
  // In the order of the nodes, so that no chain is followed deeper than one step.
  for (const node of nodes) for (const name of node.input) kindOf(name);

  const clones = stages.map((stage) => createCloner(emitter, decoder, stage, producer, kindOf));
  for (const node of nodes) {
    const depth = Math.max(0, ...node.input.map((name) => stageOf.get(name) ?? 0));
    const stage = stages[depth - 1];
    if (!stage) continue;
    node.input = node.input.map((name) => {
      if (stageOf.get(name) === depth || kindOf(name) === 'constant') return name;
      const cachedLayer = layerOfCache.get(name);
      if (cachedLayer !== undefined && cachedLayer > stage.afterLayer) return name;
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

/** Clones side computations for one stage; each value once. */
function createCloner(
  emitter: Emitter,
  decoder: Decoder,
  stage: CutStage,
  producer: ReadonlyMap<string, NodeProto>,
  kindOf: (name: string) => Kind,
): (name: string) => string {
  const behind = decoder.layers[stage.afterLayer];
  const clones = new Map<string, string>();
  const substitute = (name: string): string | undefined => {
    if (name === decoder.inputs.attentionMask)
      return emitMask(emitter, stage, behind?.cache.pastKey);
    if (name === decoder.inputs.embeddings) return stage.stream;
    const first = decoder.layers[0]?.cache;
    if (name === first?.pastKey) return behind?.cache.pastKey;
    return name === first?.pastValue ? behind?.cache.pastValue : undefined;
  };
  const clone = (name: string): string => {
    const known = clones.get(name);
    if (known) return known;
    const node = producer.get(name);
    if (!node) {
      const root = substitute(name);
      if (root === undefined) {
        return refuse({
          where: `behind the prune after layer ${stage.afterLayer}`,
          expected: `values that depend on ${decoder.inputs.attentionMask} and on sizes`,
          found: `the input ${name}, for which no value behind a prune is known`,
        });
      }
      clones.set(name, root);
      return root;
    }
    const input = node.input.map((value) =>
      value === '' || kindOf(value) === 'constant' ? value : clone(value),
    );
    emitter.scope(`pruning/after_layer_${stage.afterLayer}/side`);
    const output = node.output.map((value) =>
      value ? `${value}/after_layer_${stage.afterLayer}` : '',
    );
    emitter.nodes.push(create(NodeProtoSchema, { ...node, name: output[0] ?? '', input, output }));
    node.output.forEach((value, i) => {
      clones.set(value, output[i] ?? '');
    });
    return clones.get(name) ?? '';
  };
  return clone;
}

/** All ones over the stage's own cache and tokens: int64 `[batch, past + kept]`. */
function emitMask(emitter: Emitter, { stream, afterLayer }: CutStage, pastKey = ''): string {
  emitter.scope(`pruning/after_layer_${afterLayer}/mask`);
  const sizeOf = (x: string, axis: number) =>
    emitter.emit('Shape', [x], { attributes: { start: axis, end: axis + 1 } });
  const length = emitter.emit('Add', [sizeOf(pastKey, 2), sizeOf(stream, 1)]);
  const shape = emitter.emit('Concat', [sizeOf(stream, 0), length], { attributes: { axis: 0 } });
  const one = new Uint8Array(BigInt64Array.of(1n).buffer);
  return emitter.emit('ConstantOfShape', [shape], {
    attributes: { value: tensor('', TensorProto_DataType.INT64, [1], one) },
  });
}
