/** What an app says about pruning. */
import type { KeptTokens, MovedPrune, PositionMode, PresetName, PrunePlan } from '@transprune/core';

export interface PruningOptions {
  /** A published configuration, scaled to the decoder's depth; `transprune-high` if there is no plan either. */
  readonly preset?: PresetName;
  /** Stages of one's own, in place of a preset. */
  readonly plan?: PrunePlan;
  /** What each prune keeps unless a call says otherwise: a share of the original image tokens, in (0, 1]. */
  readonly keepRatios?: readonly number[];
  /**
   * What tokens after a prune take as positions. Left out, it is the plan's; a preset's is what leaves the
   * decoder as it was where nothing is dropped.
   */
  readonly positions?: PositionMode;
  /** Each image keeps a share of its own, in place of all ranked together. */
  readonly perImage?: boolean;
  /** False makes decoders that take one prompt at a time, with fewer nodes for it; several at once if left out. */
  readonly batch?: boolean;
  /**
   * What to do with a decoder that cannot be pruned: throw the reason, or print it and leave the decoder as it
   * is. Throws if left out.
   */
  readonly onUnsupported?: 'throw' | 'warn';
  /** Is told what was kept, after each prompt that was pruned. */
  readonly onPruned?: (prompts: readonly PrunedPrompt[]) => void;
}

/** What a call says about pruning: other ratios, or none at all; true is as if nothing were said. */
export type PruningCall = boolean | { readonly keepRatios?: readonly number[] };

/** What was kept of one prompt, a row of the batch. */
export interface PrunedPrompt {
  /** For each token of the row the number of its image, 0 at text. */
  readonly images: readonly number[];
  /** In order of depth. */
  readonly stages: readonly PrunedStage[];
}

/** What one prune kept of a prompt. */
export interface PrunedStage extends KeptTokens {
  /** The layer (1-based) that it follows. */
  readonly afterLayer: number;
  /** Scores of the tokens before the prune, 0 at text; padding stands in front. */
  readonly scores: readonly number[];
}

/** A model's pruning. */
export interface ModelPruning {
  /** Without stages where the decoder was left as it is. */
  readonly plan: PrunePlan;
  /** Prunes of the preset that stand at other depths, for this decoder cannot be pruned at theirs. */
  readonly moved: readonly MovedPrune[];
  /** Why the decoder was left as it is, where it was. */
  readonly reason?: string;
  /** What was kept of the prompts that were pruned last; undefined before the first. */
  readonly last: readonly PrunedPrompt[] | undefined;
}
