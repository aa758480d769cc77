/** What is known of the tokens at some depth of the decoder. */
import { type PrunePlan, type SignalName, uniformNoise } from '@transprune/core';
import type { Decoder } from '../../decoder/decoder.js';
import { onnxAlgebra } from '../../graph/algebra.js';
import type { Emitter } from '../../graph/emitter.js';
import { emitRange, emitSizes, toTheEnd } from '../../graph/sizes.js';
import { TensorProto_DataType } from '../../proto/onnx_pb.js';
import { type InterfaceOptions, imageMaskInput, instructionMaskInput } from '../interface.js';

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
  /** float32, summed over the accumulated layers so far. */
  readonly transition?: string | undefined;
  /** float32, a fixed number for each position. */
  readonly noise?: string | undefined;
  /** float32, places in the input sequence: whole numbers, which stay on a GPU as int64 would not. */
  readonly positions?: string | undefined;
}

/**
 * The tokens at the start, and how many of them there are: what a CPU counts in the masks, so that no
 * stage has to ask a GPU.
 */
export interface Start {
  readonly state: TokenState;
  /** int64 `[batch, 1]`, image tokens. */
  readonly images: string;
  /** int64 `[batch, 1]`, text tokens; none of them is ever dropped. */
  readonly texts: string;
  /** float32 `[tokens]`: 0, 1, 2, ... */
  readonly places: string;
}

/** Most positions that the `noise` signal tells apart; further ones start over. */
const noiseTable = 16384;

const { BOOL, FLOAT, INT64 } = TensorProto_DataType;

/** Reads the masks before the first stage. */
export function emitStart(
  emitter: Emitter,
  decoder: Decoder,
  plan: PrunePlan,
  needs: readonly SignalName[],
  options: InterfaceOptions,
): Start {
  const { emit, cast: to } = emitter;
  const algebra = onnxAlgebra(emitter);
  const flags = (input: string) => to(to(input, BOOL), FLOAT);
  const tokens = emitSizes(emitter, imageMaskInput, 1, 2);
  const ownMask = options.batch ? lastOf(decoder.inputs.attentionMask) : undefined;
  const valid = ownMask && flags(ownMask);
  const only = (x: string) => (valid ? algebra.multiply(x, valid) : x);
  const imageMask = only(flags(imageMaskInput));
  const { images, texts } = emitCounts();
  const order = emitRange(emitter, undefined, tokens);
  const places = to(order, FLOAT);
  const spans = plan.perImage ? emitSpans() : {};
  const positions =
    options.trace || plan.positions === 'keep'
      ? emit('Unsqueeze', [places, emitter.int64([0])])
      : undefined;
  const noise = needs.includes('noise') ? emitNoise() : undefined;
  const instruction = options.instructionMask ? only(flags(instructionMaskInput)) : undefined;
  return {
    state: { imageMask, valid, instruction, ...spans, positions, noise },
    images,
    texts,
    places,
  };

  /** In int64 from the inputs on, which is a CPU's. */
  function emitCounts() {
    const count = (x: string) => algebra.sum(x, [1], true);
    const ones = (mask: string) => emit('Abs', [emit('Sign', [to(mask, INT64)])]);
    const image = ones(imageMaskInput);
    const own = ownMask && ones(ownMask);
    const images = count(own ? emit('Mul', [image, own]) : image);
    const all = own ? count(own) : tokens;
    return { images, texts: emit('Sub', [all, images]) };
  }

  /** The columns of the tokens at hand, where a mask covers the past too. */
  function lastOf(mask: string): string {
    const start = emit('Neg', [tokens]);
    return emit('Slice', [mask, start, emitter.int64([toTheEnd]), emitter.int64([1])]);
  }
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
}

/** The tokens behind a stage: every value gathered. */
export function gatherState(state: TokenState, gather: (value: string) => string): TokenState {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, value && gather(value)]),
  ) as unknown as TokenState;
}
