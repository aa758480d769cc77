/**
 * The cost as the hardware meets it, part by part: text and image tokens, grouped-query heads, lm
 * head, vision encoder, the scoring itself, decoding, and the bytes of the cache. In multiply-adds:
 * floating point operations are twice as many.
 */
import {
  createPlan,
  leastPlan,
  type PrunePlan,
  type Reduction,
  reducedTokens,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import { requireCount } from '../arguments.js';
import type { Model } from '../model/model.js';
import { tokensPerLayer } from '../tokens.js';
import { cacheBytes, type DecoderCost, decoderCost } from './decoder.js';
import { reductionCost } from './reduction.js';
import { type ScoringCost, scoringCost } from './scoring.js';
import { tileCount, visionCost } from './vision.js';

export interface FullCostOptions {
  /** What the vision encoder makes of the picture. */
  readonly imageTokens: number;
  /** Text tokens before and after the image. */
  readonly textTokens: number;
  /** Those after the image, whose attention scores it; by default all of them. */
  readonly instructionTokens?: number;
  /** Tokens fed one by one after the prefill; 0 by default. */
  readonly decodeTokens?: number;
  /** Of a number in the cache: 2 by default, float16. */
  readonly bytesPerElement?: number;
  /** The prefill's logits: at `all` positions that are left, as exported decoders do; or the `last`. */
  readonly logits?: 'all' | 'last';
  /** Layers with a window keep only that; by default they keep all tokens, as exported decoders do. */
  readonly windowedCache?: boolean;
  /** Tiles or pictures that the vision encoder sees, if not as many as the image tokens need. */
  readonly tiles?: number;
  /** What happens to the image tokens before the decoder gets them, under the plan and not in the baseline. */
  readonly reduction?: Reduction | undefined;
}

export interface PrefillCost {
  /** null if the model's vision encoder is unknown. */
  readonly vision: number | null;
  readonly projector: number | null;
  /** Where image tokens are reduced before the decoder: what that goes by. */
  readonly reduction?: number;
  readonly decoder: DecoderCost;
  readonly scoring: ScoringCost;
  /** Everything above; unknown parts count as 0. */
  readonly total: number;
}

/** One way of running the model, in multiply-adds and bytes. */
export interface RunCost {
  /** Image tokens that each layer sees, layer 1 first. */
  readonly imageTokensPerLayer: readonly number[];
  readonly prefill: PrefillCost;
  /** All decode steps together, each layer with its own cache. */
  readonly decode: DecoderCost;
  readonly kvCacheBytes: {
    readonly afterPrefill: number;
    readonly afterDecode: number;
  };
}

export interface FullCost {
  readonly unit: 'multiply-adds';
  readonly model: string;
  readonly options: Required<Omit<FullCostOptions, 'tiles' | 'reduction'>> &
    Pick<FullCostOptions, 'reduction'> & { readonly tiles: number | null };
  /** Of a plan with `keepMass`: the most that it may cost, where the keep ratios decide. */
  readonly plan: RunCost;
  /** The least that a plan with `keepMass` may cost, where the floor decides; what is between depends on the picture. */
  readonly least?: RunCost;
  readonly baseline: RunCost;
  /** Decoder prefill of the baseline over that of the plan, scoring not counted: the ceiling. */
  readonly flopsBoundSpeedup: number;
  /** The same with the scoring counted, and what a reduction goes by. */
  readonly speedupWithScoring: number;
  /** What is left out, and why. */
  readonly notes: readonly string[];
}

/**
 * What a model costs under a plan, and without.
 *
 * @throws TransPruneError INVALID_PLAN if the plan does not fit the decoder; INVALID_ARGUMENT for a
 * count or a reduction that is none, or no token at all; UNSUPPORTED_MODEL for image tokens that cannot be reduced so
 */
export function fullCost(model: Model, plan: PrunePlan, given: FullCostOptions): FullCost {
  validatePlan(plan, model.decoder.layers.length);
  const options = withDefaults(model, given);
  const pruned = runCost(model, plan, options);
  const baseline = runCost(model, createPlan({ stages: [] }), { ...options, reduction: undefined });
  const unpruned = baseline.prefill.decoder.total;
  const { decoder, scoring, reduction = 0 } = pruned.prefill;
  return {
    unit: 'multiply-adds',
    model: model.name,
    options,
    plan: pruned,
    ...(plan.keepMass !== undefined && { least: runCost(model, leastPlan(plan), options) }),
    baseline,
    flopsBoundSpeedup: unpruned / decoder.total,
    speedupWithScoring: unpruned / (decoder.total + scoring.total + reduction),
    notes: model.notes,
  };
}

function runCost(model: Model, plan: PrunePlan, options: FullCost['options']): RunCost {
  const { decoder } = model;
  const { imageTokens, textTokens, decodeTokens, bytesPerElement, logits, tiles, reduction } =
    options;
  const reduced = reduction ? reducedTokens(reduction, imageTokens) : imageTokens;
  const imageTokensPerLayer = tokensPerLayer(plan, decoder.layers.length, reduced);
  const lengths = imageTokensPerLayer.map((image) => image + textTokens);
  const left = lengths.at(-1) ?? 0;

  const seen =
    model.vision && tiles !== null ? visionCost(model.vision, imageTokens, tiles) : undefined;
  const reducing = reduction ? reductionCost(model, reduction, imageTokens) : 0;
  const scoring = scoringCost(decoder, plan, { ...options, imageTokens: reduced });
  const prefill = decoderCost(
    decoder,
    lengths.map((tokens) => ({ tokens, keys: tokens })),
    logits === 'all' ? left : 1,
  );
  // Step t of T attends to the cache and to t tokens of its own: on average (T + 1) / 2.
  const decode = decoderCost(
    decoder,
    lengths.map((length) => ({
      tokens: decodeTokens,
      keys: length + (decodeTokens + 1) / 2,
      oneByOne: true,
    })),
    decodeTokens,
  );
  return {
    imageTokensPerLayer,
    prefill: {
      vision: seen?.encoder ?? null,
      projector: seen?.projector ?? null,
      ...(reduction && { reduction: reducing }),
      decoder: prefill,
      scoring,
      total:
        (seen?.encoder ?? 0) + (seen?.projector ?? 0) + reducing + prefill.total + scoring.total,
    },
    decode,
    kvCacheBytes: {
      afterPrefill: cacheBytes(decoder, lengths, bytesPerElement, options),
      afterDecode: cacheBytes(
        decoder,
        lengths.map((length) => length + decodeTokens),
        bytesPerElement,
        options,
      ),
    },
  };
}

function withDefaults(model: Model, given: FullCostOptions): FullCost['options'] {
  const { imageTokens, textTokens } = given;
  const options = {
    imageTokens,
    textTokens,
    instructionTokens: given.instructionTokens ?? textTokens,
    decodeTokens: given.decodeTokens ?? 0,
    bytesPerElement: given.bytesPerElement ?? 2,
    logits: given.logits ?? 'all',
    windowedCache: given.windowedCache ?? false,
    tiles: model.vision && (given.tiles ?? tileCount(model.vision, imageTokens)),
    ...(given.reduction && { reduction: given.reduction }),
  };
  requireCount('imageTokens', imageTokens);
  requireCount('textTokens', textTokens);
  requireCount('instructionTokens', options.instructionTokens, textTokens);
  requireCount('decodeTokens', options.decodeTokens);
  if (options.tiles !== null) requireCount('tiles', options.tiles);
  if (imageTokens + textTokens === 0) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected at least one image or text token, got none',
      { field: 'textTokens', got: textTokens },
    );
  }
  if (!(options.bytesPerElement > 0)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `bytesPerElement must be above 0 (4 for float32, 2 for float16), got ${options.bytesPerElement}`,
      { field: 'bytesPerElement', got: options.bytesPerElement },
    );
  }
  return options;
}
