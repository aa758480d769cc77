/**
 * How many tokens caches hold before a call. A growing cache is as long as what it holds. One of a fixed length, a
 * buffer that a runtime writes to in place, has room for more: its size says nothing, so the mask tells what layers
 * before the first prune hold, and an input what those after each prune do.
 */
import { lengthOutput, type PrunePlan, pastLengthInput, pastMaskInput } from '@transprune/core';
import type { Decoder } from '../decoder/decoder.js';
import type { Emitter } from '../graph/emitter.js';
import { elementType } from '../graph/graph.js';
import { emitSizes } from '../graph/sizes.js';
import { TensorProto_DataType } from '../proto/onnx_pb.js';
import type { CacheMode } from './cache-modes.js';
import type { InterfaceOptions } from './interface.js';

/** Which caches, and whose lengths. */
type CacheOptions = Pick<InterfaceOptions, 'batch' | 'cache'>;

const { INT64 } = TensorProto_DataType;

/** Names of the nodes that fail where lengths contradict each other: what a runtime tells of a failing run. */
const complaints = {
  growing:
    'pruning/attention_mask_has_to_be_as_wide_as_past_and_tokens_together/for_longer_caches_prune_with_cache_fixed',
  fixed: 'pruning/past_lengths_have_to_be_those_that_the_call_before_gave_out/and_0_at_the_start',
} as const;

/** Tokens in the caches after a stage: int64 `[1]`; undefined where these are as long as that. */
export function emitStagePast(
  emitter: Emitter,
  stage: number,
  { cache, batch }: CacheOptions,
): string | undefined {
  if (cache === 'growing') return undefined;
  return batch ? emitSizes(emitter, pastMaskInput(stage), 1, 2) : pastLengthInput(stage);
}

/**
 * The same after the call, as an output of the graph; undefined where the graph has none.
 *
 * @param stream what is left after the prune, `[batch, tokens, hidden]`
 */
export function emitStageLength(
  emitter: Emitter,
  stage: number,
  stream: string,
  { cache, batch }: CacheOptions,
): string | undefined {
  if (cache === 'growing' || batch) return undefined;
  const tokens = emitSizes(emitter, stream, 1, 2);
  return emitter.emit('Add', [pastLengthInput(stage), tokens], { outputs: [lengthOutput(stage)] });
}

/**
 * Where a call's tokens begin in the unpruned sequence: int64 `[1]`, undefined in a graph that starts without a
 * cache. The first cache tells, unless it is pruned itself or may have room; then the mask does.
 *
 * @param firstPrune the layer before the first prune
 */
export function emitCallStart(
  emitter: Emitter,
  decoder: Decoder,
  firstPrune: number,
  cache: CacheMode,
): string | undefined {
  const first = firstPast(decoder);
  if (!first) return undefined;
  if (cache === 'fixed') return emitMarked(emitter, decoder);
  return first.at < firstPrune ? emitSizes(emitter, first.key, 2, 3) : emitSeen(emitter, decoder);
}

/**
 * A zero that cannot be made where lengths contradict each other: it is looked up at how far they do, beyond the only
 * element there is. For caches that grow it is made of sizes alone: a runtime keeps these on the CPU, where an index is
 * checked.
 *
 * @returns int64 `[1]`; undefined where nothing can contradict
 */
export function emitLengthCheck(
  emitter: Emitter,
  decoder: Decoder,
  { stages }: Pick<PrunePlan, 'stages'>,
  options: CacheOptions,
): string | undefined {
  const { emit, int64 } = emitter;
  const first = firstPast(decoder);
  // A graph that does not read its mask takes any.
  if (!first || !decoder.graph.uses.has(decoder.inputs.attentionMask)) return undefined;
  const fault = options.cache === 'fixed' ? emitFault() : emitDifference(first);
  const named = emitter.child(complaints[options.cache]);
  return named.emit('Gather', [int64([0]), fault], { attributes: { axis: 0 } });

  function emitDifference({ key, at }: FirstPast): string {
    const beyond = emit('Sub', [emitSizes(emitter, key, 2, 3), emitSeen(emitter, decoder)]);
    // A cache after a prune may be shorter than the mask tells.
    return at < (stages[0]?.afterLayer ?? 0)
      ? emit('Abs', [beyond])
      : emit('Max', [beyond, int64([0])]);
  }
  /** No stage holds more than was seen, and each holds something of whatever was seen. */
  function emitFault(): string {
    const seen = options.batch ? emitSeen(emitter, decoder) : emitMarked(emitter, decoder);
    const pasts = stages.flatMap((_, stage) => emitStagePast(emitter, stage, options) ?? []);
    const lengths = emit('Concat', pasts, { attributes: { axis: 0 } });
    const more = emit('Max', [emit('Sub', [lengths, seen]), int64([0])]);
    const begun = emit('Sub', [emit('Sign', [lengths]), emit('Sign', [seen])]);
    const faults = emit('Add', [more, emit('Abs', [begun])]);
    return emit('ReduceMax', [faults], { attributes: { keepdims: 1 } });
  }
}

/** The first cache of attention, and the layers before it. */
interface FirstPast {
  readonly key: string;
  readonly at: number;
}

function firstPast({ layers }: Decoder): FirstPast | undefined {
  const at = layers.findIndex(({ cache }) => cache);
  const key = layers[at]?.cache?.pastKey;
  return key === undefined ? undefined : { key, at };
}

/** Tokens and padding before a call, as the mask's width tells: int64 `[1]`. */
function emitSeen(emitter: Emitter, { inputs }: Decoder): string {
  const width = emitSizes(emitter, inputs.attentionMask, 1, 2);
  return emitter.emit('Sub', [width, emitSizes(emitter, inputs.embeddings, 1, 2)]);
}

/** Tokens of the only row before a call, as the mask marks them, which may be as wide as the buffers: int64 `[1]`. */
function emitMarked(emitter: Emitter, { graph, inputs }: Decoder): string {
  const { emit, int64, cast } = emitter;
  const { attentionMask, embeddings } = inputs;
  const isInt64 = elementType(graph.input.get(attentionMask)) === INT64;
  const mask = isInt64 ? attentionMask : cast(attentionMask, INT64);
  const all = emit('ReduceSum', [mask, int64([1])], { attributes: { keepdims: 0 } });
  return emit('Sub', [all, emitSizes(emitter, embeddings, 1, 2)]);
}
