/** What stands for the graph's inputs behind a prune. */
import { refuse } from '../../decoder/refuse.js';
import { type Emitter, tensor } from '../../graph/emitter.js';
import { type GraphIndex, integerAttribute, valueShape } from '../../graph/graph.js';
import { emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';

/** What is left behind a prune. */
export interface StageInputs {
  readonly afterLayer: number;
  /** The residual stream, `[batch, kept, hidden]`. */
  readonly stream: string;
  /** int64 `[batch, past + kept]`, 0 at padding; undefined where there is none. */
  readonly mask?: string | undefined;
}

const { INT64 } = TensorProto_DataType;

/** Ones over the stage's own cache and tokens, 0 at padding: `[batch, past + kept]`. */
export function emitMask(
  emitter: Emitter,
  { stream, afterLayer, mask }: StageInputs,
  pastKey: string | undefined,
  type: number = INT64,
): string {
  const { emit } = emitter;
  emitter.scope(`pruning/after_layer_${afterLayer}/mask`);
  const ones = mask ?? emitOnes();
  return type === INT64 ? ones : emitter.cast(ones, type as TensorProto_DataType);

  function emitOnes(): string {
    const kept = emitSizes(emitter, stream, 1, 2);
    const total = pastKey ? emit('Add', [emitSizes(emitter, pastKey, 2, 3), kept]) : kept;
    const sizes = emit('Concat', [emitSizes(emitter, stream, 0, 1), total], {
      attributes: { axis: 0 },
    });
    const one = new Uint8Array(BigInt64Array.of(1n).buffer);
    return emit('ConstantOfShape', [sizes], { attributes: { value: tensor('', INT64, [1], one) } });
  }
}

/**
 * Renumbered positions: each token's place in the stage's own cache, padding left aside, in the shape
 * of the graph's input (`[batch, kept]`, or `[3, batch, kept]` for M-RoPE, the three alike).
 */
export function emitPositions(
  emitter: Emitter,
  stage: StageInputs,
  pastKey: string | undefined,
  source: GraphIndex,
  positionIds: string,
): string {
  const { emit, int64 } = emitter;
  const { stream, afterLayer } = stage;
  emitter.scope(`pruning/after_layer_${afterLayer}/positions`);
  const kept = emitSizes(emitter, stream, 1, 2);
  const [first, ...others] = valueShape(source.input.get(positionIds));
  const rows = others.length === 2 && typeof first === 'number' ? [int64([first])] : [];
  const sizes = emit('Concat', [...rows, emitSizes(emitter, stream, 0, 2)], {
    attributes: { axis: 0 },
  });
  return emit('Expand', [stage.mask ? places(stage.mask) : range(), sizes]);

  function range(): string {
    const past = pastKey ? emitSizes(emitter, pastKey, 2, 3) : int64([0]);
    return emitRange(emitter, past, emit('Add', [past, kept]));
  }
  function places(mask: string): string {
    const counted = emit('Sub', [emit('CumSum', [mask, int64([1], [])]), int64([1])]);
    const own = emit('Max', [counted, int64([0])]);
    return emit('Slice', [own, emit('Neg', [kept]), int64([toTheEnd]), int64([1])]);
  }
}

/**
 * The shape that a value in front of a prune would have behind it.
 *
 * @param node the `Shape` node that reads it
 */
export function emitShape(
  emitter: Emitter,
  node: NodeProto,
  { stream, afterLayer }: StageInputs,
  { tokenAxis }: { tokenAxis(name: string): number | undefined },
): string {
  const { emit, int64 } = emitter;
  const [value = ''] = node.input;
  const axis = tokenAxis(value);
  if (axis === undefined) {
    return refuse({
      where: `behind the prune after layer ${afterLayer}`,
      expected: 'sizes of the stream, of a norm or of a projection',
      found: `the shape of ${value}`,
      node,
    });
  }
  const whole = emit(
    'Concat',
    [
      emitSizes(emitter, value, 0, axis),
      emitSizes(emitter, stream, 1, 2),
      emitSizes(emitter, value, axis + 1),
    ],
    {
      attributes: { axis: 0 },
    },
  );
  const [from, to] = [integerAttribute(node, 'start', 0), integerAttribute(node, 'end', toTheEnd)];
  if (from === 0 && to === toTheEnd) return whole;
  return emit('Slice', [whole, int64([from]), int64([to]), int64([0])]);
}
