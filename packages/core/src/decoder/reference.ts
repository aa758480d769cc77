/**
 * A LLaMA decoder on float64 arrays that prunes as it goes: slow, obvious, and the truth that graphs
 * and backends are compared with.
 */
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { type NDArray, ndarray, take } from '../algebra/ndarray.js';
import { methodOf, type SignalName, signalsFor } from '../methods/index.js';
import {
  carriesTransition,
  newlyAccumulatedLayers,
  type PrunePlan,
  validatePlan,
} from '../plan/plan.js';
import { selectTokens, stageQuotas } from '../plan/selection.js';
import { askingRows } from '../signals/asking.js';
import { keyNorm } from '../signals/key-norm.js';
import { uniformNoise } from '../signals/noise.js';
import { spreadOverImage } from '../signals/spread.js';
import { layerTransition } from '../signals/transition.js';
import { attentionUpdate, layerVariation } from '../signals/update.js';
import type { DecoderConfig } from './config.js';
import {
  attentionOfInstruction,
  keysOf,
  type LayerCache,
  linear,
  rmsNorm,
  runLayer,
} from './layer.js';
import type { Checkpoint } from './safetensors.js';

/** What happened at one stage, over the tokens that were there before it. */
export interface StageTrace {
  /** `[tokens]`, as the method gave it. */
  readonly score: Float64Array;
  /** The method's signals, each `[tokens]`. */
  readonly signals: Readonly<Partial<Record<SignalName, Float64Array>>>;
  /** 1 at image tokens, `[tokens]`. */
  readonly imageMask: readonly number[];
  /** Survivors as positions in the input sequence, ascending. */
  readonly kept: readonly number[];
}

export interface ReferenceResult {
  /** `[batch, tokens left, vocabulary]` */
  readonly logits: NDArray;
  readonly cache: readonly LayerCache[];
  readonly stages: readonly StageTrace[];
}

export interface ReferenceInput {
  /** `[1, tokens, hidden]` */
  readonly inputsEmbeds: NDArray;
  /**
   * Not 0 at image tokens; a plan with `perImage` tells images apart by the number. Left out: there are
   * none, and nothing is pruned.
   */
  readonly imageMask?: readonly number[] | undefined;
  /**
   * Not 0 at the tokens whose attention scores the image. Left out, or 0 at all tokens that are left:
   * those after the last image token that is left, or the last token if none is.
   */
  readonly instructionMask?: readonly number[] | undefined;
  readonly plan?: PrunePlan | undefined;
  /** The cache of an earlier call, to go on on top of it, with a token or with a further turn. */
  readonly cache?: readonly LayerCache[] | undefined;
}

/** What is known of the tokens that are left. */
interface Tokens {
  /** `[1, tokens, hidden]` */
  readonly stream: NDArray;
  /** Places in the input sequence, ascending. */
  readonly places: readonly number[];
  /** Transition accumulated so far, `[1, tokens]`. */
  readonly transition: NDArray;
}

/**
 * Runs a decoder over embeddings.
 *
 * @param weights tensors under LLaMA's names (`model.layers.0.self_attn.q_proj.weight`, ...)
 * @throws TransPruneError INVALID_PLAN if the plan does not fit the decoder
 */
export function runReference(
  config: DecoderConfig,
  weights: Checkpoint,
  input: ReferenceInput,
): ReferenceResult {
  const { plan, imageMask = [] } = input;
  if (plan) validatePlan(plan, config.layers);
  const hasImage = imageMask.some((span) => span !== 0);
  const length = input.inputsEmbeds.shape[1] ?? 0;
  let tokens: Tokens = {
    stream: input.inputsEmbeds,
    places: Array.from({ length }, (_, place) => place),
    transition: noTransition(length),
  };
  const cache: LayerCache[] = [];
  const stages: StageTrace[] = [];
  const inputOf = (layer: number) => {
    const past = input.cache?.[layer - 1];
    const positions = rotaryPositions(input, tokens.places, layer);
    return { config, weights, layer, stream: tokens.stream, positions, past };
  };

  for (let layer = 1; layer <= config.layers; layer++) {
    const pass = runLayer(inputOf(layer));
    tokens = { ...tokens, stream: pass.stream };
    cache.push(pass.cache);

    const stageIndex = plan ? plan.stages.findIndex((s) => s.afterLayer >= layer) : -1;
    const stage = plan?.stages[stageIndex];
    if (!plan || !stage || !hasImage) continue;
    if (newlyAccumulatedLayers(plan, stageIndex).includes(layer)) {
      const added = layerTransition(algebra, pass.modules, plan);
      tokens = { ...tokens, transition: algebra.add(tokens.transition, added) };
    }
    if (stage.afterLayer !== layer) continue;

    const instruction = instructionRows(input, tokens.places);
    const next = inputOf(layer + 1);
    const { trace, survivors } = prune(plan, stage.keepRatio, imageMask, tokens, {
      instructionAttention: () => attentionOfInstruction(next, instruction),
      variation: () => layerVariation(algebra, pass.modules),
      attentionUpdate: () => attentionUpdate(algebra, pass.modules),
      keyNorm: () => keyNorm(algebra, keysOf(next)),
    });
    stages.push(trace);
    tokens = {
      stream: take(tokens.stream, 1, survivors),
      places: trace.kept,
      transition: carriesTransition(plan)
        ? take(tokens.transition, 1, survivors)
        : noTransition(survivors.length),
    };
  }
  const normed = rmsNorm(tokens.stream, weights.tensor('model.norm.weight'), config.rmsNormEpsilon);
  const head = config.tiedEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
  return { logits: linear(normed, weights.tensor(head)), cache, stages };
}

const noTransition = (tokens: number) => ndarray(new Float64Array(tokens), [1, tokens]);

/** Signals that are read off the layers around a prune, each `[1, tokens]`. */
type LayerSignals = Readonly<
  Record<Exclude<SignalName, 'transition' | 'noise' | 'spread'>, () => NDArray>
>;

/** Scores the tokens and chooses the survivors, as indices among those that are left. */
function prune(
  plan: PrunePlan,
  keepRatio: number,
  imageMask: readonly number[],
  { places, transition }: Tokens,
  layerSignals: LayerSignals,
): { trace: StageTrace; survivors: readonly number[] } {
  const row = (values: ArrayLike<number>) => ndarray(values, [1, places.length]);
  const method = methodOf(plan);
  const atPlaces = (values: ArrayLike<number>) => row(places.map((place) => values[place] ?? 0));
  const signals: Record<SignalName, () => NDArray> = {
    ...layerSignals,
    transition: () => transition,
    noise: () => atPlaces(uniformNoise(plan.seed, (places.at(-1) ?? -1) + 1)),
    spread: () => atPlaces(spreadOverImage(imageMask)),
  };
  const spans = places.map((place) => imageMask[place] ?? 0);
  const isImage = spans.map((span) => (span === 0 ? 0 : 1));
  const given = signalsFor(method, signals);
  const score = method.score(algebra, given, row(isImage)).data;
  const quotas = stageQuotas(plan, keepRatio, imageMask, { scores: score, spans });
  const survivors = selectTokens(score, spans, quotas);
  const trace = {
    score,
    signals: Object.fromEntries(Object.entries(given).map(([name, { data }]) => [name, data])),
    imageMask: isImage,
    kept: survivors.map((i) => places[i] ?? 0),
  };
  return { trace, survivors };
}

/**
 * Where the tokens stand in one layer: after that layer's own cache, counted without gaps, or, if the
 * plan keeps positions, where they stand in the unpruned sequence. Layer 1 is never pruned: its cache
 * is as long as all that came before.
 */
function rotaryPositions(
  { plan, cache }: ReferenceInput,
  places: readonly number[],
  layer: number,
): number[] {
  const lengthOf = (at: number) => cache?.[at - 1]?.key.shape[2] ?? 0;
  return plan?.positions === 'keep'
    ? places.map((place) => lengthOf(1) + place)
    : places.map((_, index) => lengthOf(layer) + index);
}

/** Which of the tokens that are left are the instruction, as indices among them. */
function instructionRows(
  { plan, imageMask, instructionMask }: ReferenceInput,
  places: readonly number[],
): number[] {
  const holds = (mask: readonly number[] | undefined, index: number) =>
    (mask?.[places[index] ?? 0] ?? 0) !== 0;
  const left = {
    count: places.length,
    isImage: (index: number) => holds(imageMask, index),
    isMarked: (index: number) => holds(instructionMask, index),
  };
  return askingRows(left, plan && methodOf(plan).asks);
}
