/** Padding in front of the tokens, as what carries a state from token to token is told of it. */
import { elementType, valueShape } from '../../graph/graph.js';
import { emitOwnMask, emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { type NodeProto, TensorProto_DataType } from '../../proto/onnx_pb.js';
import type { StatePaddingSite } from './family.js';

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/** The axis of the tokens in front of a convolution, `[batch, channels, tokens]`. */
const axis = 2;

/**
 * A value with zeros at padding.
 *
 * @param value `[batch, tokens, features]`, of any float type
 */
export function zeroAtPadding(value: string, { emitter, inputs }: StatePaddingSite): string {
  const { emit, cast, int64 } = emitter;
  const valid = cast(emitOwnMask(emitter, inputs.attentionMask, inputs.embeddings), BOOL);
  const isToken = emit('Unsqueeze', [valid, int64([2])]);
  return emit('Where', [isToken, value, emit('Sub', [value, value])]);
}

/**
 * Puts the inputs of a convolution into the order tokens would have without padding: first what of the padding is left
 * over, then the state, then the tokens. So the first token looks back at the state, and the state that goes out
 * holds inputs of tokens alone.
 *
 * @param node takes a state `[batch, channels, inputs]` and tokens `[batch, channels, tokens]`
 * @param at which of its inputs these are
 */
export function moveStateBehindPadding(
  node: NodeProto,
  at: { readonly state: number; readonly tokens: number },
  { emitter, inputs, state: info }: StatePaddingSite,
): void {
  const { emit, cast, int64 } = emitter;
  const [state = '', tokens = ''] = [node.input[at.state], node.input[at.tokens]];
  const size = valueShape(info)[axis];
  const length =
    typeof size === 'number' ? int64([size]) : emitSizes(emitter, state, axis, axis + 1);
  const type = elementType(info) ?? FLOAT;
  const valid = emitOwnMask(emitter, inputs.attentionMask, inputs.embeddings);
  const isFront = emit('Equal', [emit('CumSum', [valid, int64([1], [])]), int64([0])]);
  const padding = emit('ReduceSum', [cast(isFront, INT64), int64([1])], {
    attributes: { keepdims: 1 },
  });
  const width = emit('Add', [length, emitSizes(emitter, inputs.embeddings, 1, 2)]);
  // Of what is joined below, its place from where the state is to begin: `[batch, inputs + tokens]`.
  const places = emit('Sub', [emitRange(emitter, undefined, width), padding]);
  const inOneChannel = (x: string) => cast(emit('Unsqueeze', [x, int64([1])]), type);
  const isToken = inOneChannel(emit('GreaterOrEqual', [places, length]));
  const inState = emit('Unsqueeze', [emitRange(emitter, undefined, length), int64([1])]);
  const isInState = cast(emit('Equal', [emit('Unsqueeze', [places, int64([1])]), inState]), type);
  const part = (x: string, from: string, to: string) => emit('Slice', [x, from, to, int64([axis])]);
  const joined = emit('Concat', [state, tokens], { attributes: { axis } });
  const held = emit('MatMul', [part(joined, int64([0]), length), isInState]);
  const moved = emit('Add', [emit('Mul', [joined, isToken]), held]);
  node.input[at.state] = part(moved, int64([0]), length);
  node.input[at.tokens] = part(moved, length, int64([toTheEnd]));
}
