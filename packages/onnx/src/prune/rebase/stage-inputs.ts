/** What stands for the graph's inputs after a prune. */
import { refuse } from '../../decoder/refuse.js';
import { type Emitter, tensor } from '../../graph/emitter.js';
import { elementType, type GraphIndex, integerAttribute, valueShape } from '../../graph/graph.js';
import { emitCountedTokens, emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';

/** The tokens that derived values are made for, and where those values go. */
export interface StageInputs {
  readonly afterLayer: number;
  /** The residual stream, `[batch, tokens, hidden]`. */
  readonly stream: string;
  /** int64 `[batch, past + tokens]`, 0 at padding; undefined where there is none. */
  readonly mask?: string | undefined;
  /**
   * int64 `[1]`: tokens in the stage's own cache before the call; undefined where the cache is as long as that, or there
   * is none.
   */
  readonly past?: string | undefined;
  /** int64 `[1]`: the same after the call, where it is known already. */
  readonly total?: string | undefined;
  /** Takes what stands for inputs. */
  readonly emitter: Emitter;
  /** Takes clones of nodes, whose outputs are called as the original's with a suffix. */
  readonly clones: Emitter;
  readonly suffix: string;
}

const { INT64 } = TensorProto_DataType;

/** The emitter for one of the inputs, by its name. */
function emitterFor({ emitter, afterLayer }: StageInputs, name: string): Emitter {
  return emitter.child(`pruning/after_layer_${afterLayer}/${name}`);
}

/** Tokens in the stage's own cache: int64 `[1]`; undefined where there is none. */
function emitPast(
  emitter: Emitter,
  { past }: StageInputs,
  pastKey: string | undefined,
): string | undefined {
  return past ?? (pastKey && emitSizes(emitter, pastKey, 2, 3));
}

/** Tokens in the stage's own cache and at hand: int64 `[1]`. */
export function emitTotal(stage: StageInputs, pastKey: string | undefined): string {
  if (stage.total !== undefined) return stage.total;
  const emitter = emitterFor(stage, 'mask');
  const tokens = emitSizes(emitter, stage.stream, 1, 2);
  const past = emitPast(emitter, stage, pastKey);
  return past ? emitter.emit('Add', [past, tokens]) : tokens;
}

/** Rows of the batch: int64 `[1]`. */
export function emitRows(stage: StageInputs): string {
  return emitSizes(emitterFor(stage, 'mask'), stage.stream, 0, 1);
}

/** Ones over the stage's own cache and tokens, 0 at padding: `[batch, past + tokens]`. */
export function emitMask(
  stage: StageInputs,
  pastKey: string | undefined,
  type: number = INT64,
): string {
  const emitter = emitterFor(stage, 'mask');
  const ones = stage.mask ?? emitOnes();
  return type === INT64 ? ones : emitter.cast(ones, type);

  function emitOnes(): string {
    const sizes = emitter.emit('Concat', [emitRows(stage), emitTotal(stage, pastKey)], {
      attributes: { axis: 0 },
    });
    const one = new Uint8Array(BigInt64Array.of(1n).buffer);
    return emitter.emit('ConstantOfShape', [sizes], {
      attributes: { value: tensor('', INT64, [1], one) },
    });
  }
}

/**
 * Renumbered positions: each token's place in the stage's own cache, padding left aside, in the shape
 * and the type of the graph's input (`[batch, tokens]`, or `[3, batch, tokens]` for M-RoPE, the three alike).
 */
export function emitPositions(
  stage: StageInputs,
  pastKey: string | undefined,
  source: GraphIndex,
  positionIds: string,
): string {
  const emitter = emitterFor(stage, 'positions');
  const { emit, int64 } = emitter;
  const { stream } = stage;
  const tokens = emitSizes(emitter, stream, 1, 2);
  const [first, ...others] = valueShape(source.input.get(positionIds));
  const rows = others.length === 2 && typeof first === 'number' ? [int64([first])] : [];
  const sizes = emit('Concat', [...rows, emitSizes(emitter, stream, 0, 2)], {
    attributes: { axis: 0 },
  });
  const places = stage.mask
    ? emitCountedTokens(emitter, stage.mask, stream, emitPaddingPlace(emitter, source, positionIds))
    : range();
  const positions = emit('Expand', [places, sizes]);
  const type = elementType(source.input.get(positionIds)) ?? INT64;
  return type === INT64 ? positions : emitter.cast(positions, type);

  function range(): string {
    const past = emitPast(emitter, stage, pastKey) ?? int64([0]);
    return emitRange(emitter, past, emit('Add', [past, tokens]));
  }
}

/**
 * Where padding stands, as seen from the first token: int64, a scalar. It has position 1, whichever the first token
 * has (transformers.js). A caller that takes padding for tokens later, as that library does, reads it as without
 * pruning then.
 */
function emitPaddingPlace(emitter: Emitter, source: GraphIndex, positionIds: string): string {
  const { emit, cast, int64 } = emitter;
  const isInt64 = elementType(source.input.get(positionIds)) === INT64;
  const positions = isInt64 ? positionIds : cast(positionIds, INT64);
  const first = emit('ReduceMin', [positions], { attributes: { keepdims: 0 } });
  return emit('Max', [emit('Sub', [int64([1], []), first]), int64([0], [])]);
}

/**
 * The shape that a value before a prune would have after it.
 *
 * @param node the `Shape` node that reads it
 * @param axis the axis of the tokens, where it is known
 */
export function emitShape(stage: StageInputs, node: NodeProto, axis: number | undefined): string {
  const emitter = emitterFor(stage, 'sizes');
  const { emit, int64 } = emitter;
  const [value = ''] = node.input;
  if (axis === undefined) {
    return refuse({
      where: `after the prune after layer ${stage.afterLayer}`,
      expected: 'sizes of the stream, of a norm or of a projection',
      found: `the shape of ${value}`,
      node,
    });
  }
  const whole = emit(
    'Concat',
    [
      emitSizes(emitter, value, 0, axis),
      emitSizes(emitter, stage.stream, 1, 2),
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
