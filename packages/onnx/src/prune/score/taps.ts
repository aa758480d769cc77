/**
 * Taps: what each stage's score is made of, as outputs of the graph, so that the score can be made
 * again by other means and compared.
 */
import type { Decoder, Module } from '../../decoder/decoder.js';
import type { Emitter } from '../../graph/emitter.js';
import { tensorInfo } from '../../graph/value-info.js';
import { TensorProto_DataType, type ValueInfoProto } from '../../proto/onnx_pb.js';
import type { Gate } from '../gate.js';

/** Outputs that hold what a stage's score is made of, float32 unless said otherwise, by their names. */
export interface StageTaps {
  /** What the stage adds to the transition: each newly accumulated layer's modules. */
  readonly layers: readonly {
    readonly layer: number;
    /** What attention and FFN read and write, `[batch, tokens, hidden]`. */
    readonly modules: readonly { readonly input: string; readonly output: string }[];
  }[];
  /** The transition that is scored by, with what was carried on from earlier stages, `[batch, tokens]`. */
  readonly transition?: string;
  readonly instructionAttention?: InstructionAttentionTaps;
  /** What the modules of the layer before the prune write, `[batch, tokens, hidden]`; where the score asks. */
  readonly last?: readonly string[];
  /** Of the layer after the prune, `[batch, kv_heads, tokens, head_dim]`; where the score asks. */
  readonly keys?: string;
  /** `[batch, tokens]` */
  readonly noise?: string;
  /** `[batch, tokens]`, 1 at image tokens. */
  readonly imageMask: string;
  /** `[batch, tokens]`, 0 at padding; left out where there is none. */
  readonly valid?: string;
}

export interface InstructionAttentionTaps {
  /** `[batch, heads, rows, past + tokens]` */
  readonly logits: string;
  /** Broadcast to the logits. */
  readonly bias: string;
  /** `[batch, 1, rows, 1]`; left out where all rows weigh alike. */
  readonly rowWeights?: string;
  /** int64 `[1]`, columns before the keys that are ranked: sinks, then tokens of the cache. */
  readonly past: string;
  /** The first column holds sinks: logits without a key. */
  readonly hasSinks: boolean;
  /**
   * What attention itself gives after the prune, before its last projection:
   * `[batch, left, heads * head_dim]` or `[batch, heads, left, head_dim]`.
   */
  readonly attended: string;
  /**
   * What the probabilities multiply, `[batch, heads, past + left, value_dim]`; left out where the cache holds it.
   */
  readonly values?: string;
}

/** Takes what a stage is made of while it is made. */
export interface StageTapper {
  /** @param layer from 1, with attention and FFN */
  layer(layer: { readonly number: number; readonly modules: readonly Module[] }): void;
  instructionAttention(values: {
    logits: string;
    bias: string;
    rowWeights?: string | undefined;
    past?: string | undefined;
    attended: string;
    values?: string | undefined;
    hasSinks: boolean;
  }): void;
  /** @param outputs what the modules of the layer before the prune write */
  last(outputs: readonly string[]): void;
  keys(keys: string): void;
  values(values: {
    transition?: string | undefined;
    noise?: string | undefined;
    imageMask: string;
    valid?: string | undefined;
  }): void;
  taps(): StageTaps;
}

const { FLOAT, INT64 } = TensorProto_DataType;

/** Where the tapped values are. */
export interface TapContext {
  /** Takes nodes that read values of the graph itself. */
  readonly around: Emitter;
  /** Holds the score's nodes. Their taps hold nothing in a call without an image token. */
  readonly gate: Gate;
  readonly decoder: Decoder;
}

/**
 * Makes what it is told outputs, `pruning.tap.{stage}...`.
 *
 * @param outputs takes their descriptions
 */
export function createTapper(
  { around, gate, decoder }: TapContext,
  stage: number,
  outputs: ValueInfoProto[],
): StageTapper {
  const named = (name: string, type: TensorProto_DataType): string => {
    const output = `pruning.tap.${stage}.${name}`;
    outputs.push(tensorInfo(output, type));
    return output;
  };
  /** A value of the score. */
  const tap = (name: string, value: string, rank: number, type: TensorProto_DataType = FLOAT) => {
    const copy = gate.emitter.emit('Identity', [value]);
    return gate.output(copy, { unread: type, rank }, named(name, type));
  };
  /** A value of the graph itself. */
  const tapAround = (name: string, value: string) =>
    decoder.reducedPrecision
      ? around.emit('Cast', [value], { attributes: { to: FLOAT }, outputs: [named(name, FLOAT)] })
      : around.emit('Identity', [value], { outputs: [named(name, FLOAT)] });
  const layers: StageTaps['layers'][number][] = [];
  let made: Omit<StageTaps, 'layers'> = { imageMask: '' };
  return {
    layer({ number, modules }) {
      const tapped = modules.map(({ input, output }, module) => ({
        input: tapAround(`layer.${number}.${module}.input`, input),
        output: tapAround(`layer.${number}.${module}.output`, output),
      }));
      layers.push({ layer: number, modules: tapped });
    },
    instructionAttention({ logits, bias, rowWeights, past, attended, values, hasSinks }) {
      const instructionAttention: InstructionAttentionTaps = {
        logits: tap('logits', logits, 4),
        bias: tap('bias', bias, 2),
        ...(rowWeights && { rowWeights: tap('row_weights', rowWeights, 4) }),
        past: tap('past', past ?? gate.emitter.int64([0]), 1, INT64),
        attended: tapAround('attended', attended),
        ...(values && { values: tapAround('values', values) }),
        hasSinks,
      };
      made = { ...made, instructionAttention };
    },
    last(outputs) {
      const last = outputs.map((output, module) => tapAround(`last.${module}.output`, output));
      made = { ...made, last };
    },
    keys(keys) {
      made = { ...made, keys: tap('keys', keys, 4) };
    },
    values({ transition, noise, imageMask, valid }) {
      made = {
        ...made,
        imageMask: tap('image_mask', imageMask, 2),
        ...(transition && { transition: tap('transition', transition, 2) }),
        ...(noise && { noise: tap('noise', noise, 2) }),
        ...(valid && { valid: tap('valid', valid, 2) }),
      };
    },
    taps: () => ({ ...made, layers }),
  };
}
