/** What is known of the tokens at some depth of the decoder. */
import {
  imageMaskInput,
  instructionMaskInput,
  type SettledPlan,
  type SignalName,
  spreadSteps,
  uniformNoise,
} from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import { onnxAlgebra } from '../graph/algebra.js';
import type { Emitter } from '../graph/emitter.js';
import { emitRange, emitSizes, toTheEnd } from '../graph/sizes.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { InterfaceOptions } from './interface.js';

/** What the masks say of a call: made once, on the CPU, in every call. */
export interface Call {
  /** bool, one element: whether any row has an image token. */
  readonly hasImage: string;
  /** int64 `[batch, tokens]`, 1 at image tokens. */
  readonly image: string;
  /** int64 `[batch, 1]`, image tokens. */
  readonly images: string;
  /** int64 `[batch, tokens]`, 1 at tokens and 0 at padding; undefined where there is none. */
  readonly valid?: string | undefined;
}

/** Every value is `[batch, tokens]`, over the tokens that are left; a row of 1 stands for all rows. */
export interface TokenState {
  /** float32, 1 at image tokens. */
  readonly imageMask: string;
  /** float32, 0 at padding; undefined where there is none. */
  readonly valid?: string | undefined;
  /** float32, 1 at tokens that the caller marked as the instruction. */
  readonly instruction?: string | undefined;
  /** float32, the number of the span that an image token belongs to. */
  readonly span?: string | undefined;
  /** float32, tokens of the own span at the start. */
  readonly spanSize?: string | undefined;
  /** float32, summed over the accumulated layers so far; of later layers alone where nothing is carried on. */
  readonly transition?: string | undefined;
  /** float32, a fixed number for each position. */
  readonly noise?: string | undefined;
  /** float32, the place of an image token in an order that covers the image evenly. */
  readonly spread?: string | undefined;
  /** float32, places in the input sequence: whole numbers, which stay on a GPU as int64 would not. */
  readonly positions?: string | undefined;
}

/** The tokens before the first prune. */
export interface Start {
  readonly state: TokenState;
  /** float32 `[tokens]`: 0, 1, 2, ... */
  readonly places: string;
}

/** Most positions that the `noise` signal tells apart; further ones start over. */
const noiseTable = 16384;

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/**
 * Reads the masks, in int64 from the inputs on, which is a CPU's: what it counts is asked of no GPU.
 *
 * @param check a zero that every call has to make, see `emitLengthCheck`; undefined for none
 */
export function emitCall(
  emitter: Emitter,
  decoder: Decoder,
  batch: boolean,
  check: string | undefined,
): Call {
  const { emit, cast, int64 } = emitter;
  const ones = (mask: string) => emit('Abs', [emit('Sign', [mask])]);
  const count = (x: string) => {
    const sum = emit('ReduceSum', [x, int64([1])], { attributes: { keepdims: 1 } });
    return check === undefined ? sum : emit('Add', [sum, check]);
  };
  const marked = ones(imageMaskInput);
  if (!batch) {
    const images = count(marked);
    return { hasImage: cast(images, BOOL), image: marked, images };
  }
  const start = emit('Neg', [emitSizes(emitter, imageMaskInput, 1, 2)]);
  const { attentionMask } = decoder.inputs;
  const own = emit('Slice', [attentionMask, start, int64([toTheEnd]), int64([1])]);
  const valid = ones(cast(own, INT64));
  const image = emit('Mul', [marked, valid]);
  const images = count(image);
  const most = emit('ReduceMax', [images], { attributes: { keepdims: 0 } });
  return { hasImage: cast(most, BOOL), image, images, valid };
}

/** Text tokens of a call, none of which is ever dropped: int64 `[batch, 1]`. */
export function emitTexts(emitter: Emitter, { images, valid }: Call): string {
  const all = valid
    ? onnxAlgebra(emitter).sum(valid, [1], true)
    : emitSizes(emitter, imageMaskInput, 1, 2);
  return emitter.emit('Sub', [all, images]);
}

/** 1 at tokens and 0 at padding, as float32; undefined where there is no padding. */
export function emitValid(emitter: Emitter, { valid }: Call): string | undefined {
  return valid && emitter.cast(valid, FLOAT);
}

/** What the first prune knows of the tokens. */
export function emitStart(
  emitter: Emitter,
  call: Call,
  plan: SettledPlan,
  needs: readonly SignalName[],
  options: InterfaceOptions,
): Start {
  const { emit, cast: to } = emitter;
  const algebra = onnxAlgebra(emitter);
  const valid = emitValid(emitter, call);
  const only = (x: string) => (valid ? algebra.multiply(x, valid) : x);
  const imageMask = to(call.image, FLOAT);
  const order = emitRange(emitter, undefined, emitSizes(emitter, imageMaskInput, 1, 2));
  const places = to(order, FLOAT);
  const spans = plan.perImage ? emitSpans() : {};
  const positions =
    options.trace || plan.positions === 'keep'
      ? emit('Unsqueeze', [places, emitter.int64([0])])
      : undefined;
  const noise = needs.includes('noise') ? emitNoise() : undefined;
  const instruction = options.instructionMask
    ? only(to(to(instructionMaskInput, BOOL), FLOAT))
    : undefined;
  const spread = needs.includes('spread') ? emitSpread() : undefined;
  const state = { imageMask, valid, instruction, ...spans, positions, noise, spread };
  return { state, places };

  function emitSpans() {
    const span = only(to(imageMaskInput, FLOAT));
    const mine = emit('Unsqueeze', [span, emitter.int64([2])]);
    const others = emit('Unsqueeze', [span, emitter.int64([1])]);
    const same = to(emit('Equal', [mine, others]), FLOAT);
    return { span, spanSize: algebra.multiply(algebra.sum(same, [2]), imageMask) };
  }
  /** Noise belongs to a token's place among the tokens of its own row. */
  function emitNoise(): string {
    const place = valid
      ? emit('Sub', [
          to(emit('CumSum', [valid, emitter.int64([1], [])]), INT64),
          emitter.int64([1]),
        ])
      : emit('Unsqueeze', [order, emitter.int64([0])]);
    const table = emitter.float(uniformNoise(plan.seed, noiseTable));
    const wrapped = emit('Mod', [place, emitter.int64([noiseTable])]);
    return emit('Gather', [table, wrapped], { attributes: { axis: 0 } });
  }
  /** `spreadOrder` of the core: the image is taken for a square. */
  function emitSpread(): string {
    const { constant, add, subtract, multiply, divide } = algebra;
    const counted = emit('CumSum', [imageMask, emitter.int64([1], [])]);
    const index = subtract(counted, constant(1));
    const columns = emit('Round', [emit('Sqrt', [to(call.images, FLOAT)])]);
    const row = emit('Floor', [divide(index, columns)]);
    const column = subtract(index, multiply(row, columns));
    const along = multiply(column, constant(Math.fround(spreadSteps.column)));
    const down = multiply(row, constant(Math.fround(spreadSteps.row)));
    const place = add(along, down);
    return multiply(subtract(place, emit('Floor', [place])), imageMask);
  }
}

/** The same for other tokens: every value goes through a function. */
export function mapState(
  state: TokenState,
  change: (value: string, name: string) => string,
): TokenState {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, value && change(value, name)]),
  ) as unknown as TokenState;
}
