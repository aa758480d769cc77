/** The two ways of counting, as the commands show them. */
import {
  keptImageTokens,
  leastPlan,
  type PrunePlan,
  type Reduction,
  reducedTokens,
} from '@transprune/core';
import { fullCost, type Model, publishedCost, type RunCost } from '@transprune/flops';
import { change, scaled } from './units.js';

/** A prune, with what it leaves of a number of image tokens. */
export interface StageReport {
  readonly afterLayer: number;
  readonly keepRatio: number;
  readonly imageTokens: number;
  /** Where the score decides how many stay: the fewest that may; `imageTokens` are the most. */
  readonly leastImageTokens?: number;
}

export interface CostReport {
  readonly imageTokens: number;
  readonly textTokens: number;
  /** What happens to the image tokens before the decoder gets them, and how many are left. */
  readonly reduction?: Reduction & { readonly imageTokens: number };
  readonly stages: readonly StageReport[];
  readonly finalImageTokens: number;
  /** Image tokens only, as the papers' tables count: tera multiply-adds, printed as TFLOPs. */
  readonly published: { readonly baselineTflops: number; readonly prunedTflops: number };
  /** Everything, in multiply-adds and bytes. */
  readonly full: {
    readonly unit: 'multiply-adds';
    readonly baseline: RunCost;
    /** The most, where the score decides how many tokens stay. */
    readonly pruned: RunCost;
    /** The least, where the score decides. */
    readonly least?: RunCost;
    /** Decoder prefill, scoring left out. */
    readonly flopsBoundSpeedup: number;
    readonly speedupWithScoring: number;
    readonly notes: readonly string[];
  };
}

/**
 * What a plan costs and saves.
 *
 * @throws TransPruneError INVALID_ARGUMENT for counts that are none
 */
export function costReport(
  model: Model,
  plan: PrunePlan,
  tokens: {
    readonly imageTokens: number;
    readonly textTokens: number;
    /** Text tokens after the image; all of them if left out. */
    readonly instructionTokens?: number;
    readonly bytesPerElement?: number;
    readonly reduction?: Reduction | undefined;
  },
): CostReport {
  const { imageTokens, textTokens, reduction } = tokens;
  const fed = reduction ? reducedTokens(reduction, imageTokens) : imageTokens;
  const full = fullCost(model, plan, tokens);
  const least = plan.keepMass === undefined ? undefined : leastPlan(plan);
  const stages = plan.stages.map(({ afterLayer, keepRatio }, at) => ({
    afterLayer,
    keepRatio,
    imageTokens: keptImageTokens(keepRatio, fed),
    ...(least && { leastImageTokens: keptImageTokens(least.stages[at]?.keepRatio ?? 1, fed) }),
  }));
  return {
    imageTokens,
    textTokens,
    ...(reduction && { reduction: { ...reduction, imageTokens: fed } }),
    stages,
    finalImageTokens: stages.at(-1)?.imageTokens ?? fed,
    published: {
      baselineTflops: publishedCost(model, { stages: [] }, imageTokens) / 1e12,
      prunedTflops: publishedCost(model, plan, fed) / 1e12,
    },
    full: {
      unit: full.unit,
      baseline: full.baseline,
      pruned: full.plan,
      ...(full.least && { least: full.least }),
      flopsBoundSpeedup: full.flopsBoundSpeedup,
      speedupWithScoring: full.speedupWithScoring,
      notes: full.notes,
    },
  };
}

/** Rows `[what, before, after, change]` of the costs. */
export function costRows({ published, full }: CostReport): string[][] {
  const { baseline, pruned } = full;
  const row = (name: string, before: number, after: number) => [
    name,
    scaled(before),
    scaled(after),
    change(before, after),
  ];
  const seen = (cost: RunCost) => (cost.prefill.vision ?? 0) + (cost.prefill.projector ?? 0);
  const rows = [
    row('prefill, as published', published.baselineTflops * 1e12, published.prunedTflops * 1e12),
    row('decoder prefill, in full', baseline.prefill.decoder.total, pruned.prefill.decoder.total),
    row('  scoring', 0, pruned.prefill.scoring.total),
  ];
  const { reduction } = pruned.prefill;
  if (reduction !== undefined) rows.push(row('  reducing image tokens', 0, reduction));
  if (seen(baseline) > 0) rows.push(row('  vision encoder', seen(baseline), seen(pruned)));
  rows.push(row('whole prefill, in full', baseline.prefill.total, pruned.prefill.total));
  return rows;
}

/** What `costRows` counts. */
export const costLegend =
  'Prefill in multiply-adds, which papers print as FLOPs. As published: image tokens alone, no scoring,\n' +
  'vision encoder or lm head. In full: text tokens, grouped-query heads and lm head too.';
