/** What pruning may cost, in place of a plan's own keep ratios. */
import { counted, type PrunePlan } from '@transprune/core';
import { type Budget, planForBudget } from '@transprune/flops';
import { type Command, Option } from 'commander';
import type { Costing } from '../model/costing.js';
import { numberAbove, numberUpTo } from './parsers.js';
import { type ReductionOptions, reductionOf } from './reduction-options.js';

/** At most one of them. */
export interface BudgetOptions {
  readonly budgetTflops?: number;
  readonly speedup?: number;
  readonly keepAverage?: number;
  readonly averageImageTokens?: number;
}

/** A budget, and how near the plan comes to it. */
export interface BudgetReport {
  readonly asked: Budget;
  /** In the budget's own measure. */
  readonly reached: number;
  /** Those of the prompt that it was counted for. */
  readonly imageTokens: number;
  readonly textTokens: number;
}

/** Names of the options, as commander has them. */
export const budgetOptionNames = [
  'budgetTflops',
  'speedup',
  'keepAverage',
  'averageImageTokens',
] as const satisfies readonly (keyof BudgetOptions)[];

/** Adds `--budget-tflops`, `--speedup`, `--keep-average` and `--average-image-tokens`. */
export function addBudgetOptions(command: Command): Command {
  const options = [
    new Option(
      '--budget-tflops <tflops>',
      'most that the whole prefill may cost, in 10^12 multiply-adds, which papers print as TFLOPs; scoring and known vision encoders included: keep ratios are fitted to it',
    ).argParser(numberAbove(0)),
    new Option(
      '--speedup <factor>',
      "least gain of the decoder's prefill, counted in FLOPs: keep ratios are fitted to it",
    ).argParser(numberAbove(1)),
    new Option(
      '--keep-average <share>',
      'share of the image tokens that a layer sees, over all layers: keep ratios are fitted to it',
    ).argParser(numberUpTo(1, 'above 0')),
    new Option(
      '--average-image-tokens <count>',
      'image tokens that a layer sees, over all layers, however many the picture has: keep ratios are fitted to it',
    ).argParser(numberAbove(0)),
  ];
  for (const option of options) {
    const others = budgetOptionNames.filter((name) => name !== option.attributeName());
    command.addOption(option.conflicts([...others, 'keepRatios']));
  }
  return command;
}

/** The budget that the user named. */
export function budgetOf(options: BudgetOptions): Budget | undefined {
  const { budgetTflops, speedup, keepAverage, averageImageTokens } = options;
  if (budgetTflops !== undefined) return { tflops: budgetTflops };
  if (speedup !== undefined) return { speedup };
  if (keepAverage !== undefined) return { keepAverage };
  return averageImageTokens === undefined ? undefined : { averageImageTokens };
}

/** `--keep-floor`, which is for a plan's own ratios too. */
export interface FloorOption {
  readonly keepFloor?: number;
}

/**
 * Fits a plan's keep ratios to the budget, none below the floor; its prunes stay where they are.
 *
 * @returns the plan as it is where no budget was named
 * @throws TransPruneError as `planForBudget` and `reductionOf` do
 */
export function withinBudget(
  plan: PrunePlan,
  options: BudgetOptions & FloorOption & ReductionOptions,
  { model, imageTokens, textTokens }: Omit<Costing, 'imageAssumption'>,
): { readonly plan: PrunePlan; readonly budget: BudgetReport | null } {
  const asked = budgetOf(options);
  if (!asked) return { plan, budget: null };
  const tokens = { imageTokens, textTokens };
  const reduction = reductionOf(options);
  const { keepFloor } = options;
  const fitted = planForBudget(model, plan, asked, { ...tokens, reduction, keepFloor });
  return { plan: fitted.plan, budget: { asked, reached: fitted.reached, ...tokens } };
}

const words: Readonly<Record<keyof BudgetOptions, string>> = {
  budgetTflops: 'whole prefill, in T multiply-adds',
  speedup: "gain of the decoder's prefill",
  keepAverage: 'average share of image tokens',
  averageImageTokens: 'average image tokens of a layer',
};

/** A sentence on what a budget came to. */
export function budgetNote(
  { asked, reached, imageTokens, textTokens }: BudgetReport,
  { stages }: PrunePlan,
): string {
  const [[name, value] = ['', 0]] = Object.entries(asked);
  const what = words[name === 'tflops' ? 'budgetTflops' : (name as keyof BudgetOptions)];
  const ratios = stages.map(({ keepRatio }) => keepRatio).join(', ');
  return `${what}: ${Number(reached.toPrecision(4))} of ${value}, keeping ${ratios}; counted for ${imageTokens} image and ${counted(textTokens, 'text token')}`;
}
