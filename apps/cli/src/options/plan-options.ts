import {
  type AccumulationMode,
  accumulationModes,
  checkTransitionFields,
  createPlan,
  type Direction,
  directions,
  type MethodName,
  type MovedPrune,
  methodByName,
  methodNames,
  type PositionMode,
  type PresetPlan,
  type PrunePlan,
  positionModes,
  presetNames,
  presetPlan,
  settlePlan,
  type TransitionParts,
  TransPruneError,
  transitionParts,
  transpruneWith,
  validatePlan,
} from '@transprune/core';
import { leastFittedRatio } from '@transprune/flops';
import { type Decoder, fitPlan } from '@transprune/onnx';
import { type Command, Option } from 'commander';
import type { Costing } from '../model/costing.js';
import { sizesAreKnown } from '../model/sizes.js';
import {
  type BudgetOptions,
  type BudgetReport,
  budgetNote,
  budgetOf,
  budgetOptionNames,
  withinBudget,
} from './budget-options.js';
import { layerList, numberList, numberUpTo, wholeNumber } from './parsers.js';
import type { ReductionOptions } from './reduction-options.js';

/** What the user said about where and how to prune. */
export interface PlanOptions {
  readonly preset?: string;
  readonly accumulate?: readonly number[];
  readonly accumulation?: AccumulationMode;
  readonly pruneAfter?: readonly number[];
  readonly keep?: readonly number[];
  readonly direction?: Direction;
  readonly transitionParts?: TransitionParts;
  readonly method?: MethodName;
  readonly alpha?: number;
  readonly asPrinted?: boolean;
  readonly seed?: number;
  readonly positions?: PositionMode;
  readonly perImage?: boolean;
  readonly keepMass?: number;
  readonly keepFloor?: number;
}

/** A plan, and where its layer numbers come from. */
export interface ChosenPlan {
  /** null for stages named one by one. */
  readonly preset: string | null;
  readonly schedule: PresetPlan['schedule'] | 'custom';
  readonly plan: PrunePlan;
}

export const defaultPreset = 'transprune-high';

/** `--positions`, which commands with plans of their own have too. */
export function positionsOption(): Option {
  return new Option(
    '--positions <mode>',
    'tokens after a prune are counted anew, or keep the positions that they had; left out: keep where positions are three rows, else counted anew',
  ).choices(positionModes);
}

/** `--accumulation`, likewise. */
export function accumulationOption(): Option {
  return new Option(
    '--accumulation <mode>',
    'the token transition goes on from prune to prune, or each prune has that of the layers since the one before (default: cumulative)',
  ).choices(accumulationModes);
}

/** Adds `--preset`, and the options that name stages one by one instead. */
export function addPlanOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--preset <name>', 'published configuration')
        .choices(presetNames)
        .default(defaultPreset)
        .conflicts(['accumulate', 'pruneAfter', 'keep']),
    )
    .option('--accumulate <layers>', 'layers whose token transition is summed up', layerList)
    .addOption(accumulationOption())
    .option('--prune-after <layers>', 'layers that are followed by a prune, from 1', layerList)
    .option('--keep <ratios>', 'share of the original image tokens left by each prune', numberList)
    .addOption(
      new Option(
        '--direction <form>',
        'how direction enters the token transition (default: 1-cos)',
      ).choices(directions),
    )
    .addOption(
      new Option(
        '--transition-parts <parts>',
        'which factors of the token transition count (default: both)',
      ).choices(transitionParts),
    )
    .addOption(
      new Option('--method <name>', 'what tokens are ranked by')
        .choices(methodNames)
        .default('transprune'),
    )
    .option(
      '--alpha <share>',
      'of transprune: weight of the token transition; the rest is the instruction-guided attention (default: both alike)',
      numberUpTo(1, 'from 0'),
    )
    .option(
      '--as-printed',
      'of transprune: formula 5 as it is printed, neither part scaled to sum 1 (default: as in the code)',
    )
    .option('--seed <number>', `${seedOfMethod} (default: 0)`, wholeNumber(0))
    .addOption(positionsOption())
    .addOption(
      new Option(
        '--keep-mass <share>',
        'keep no more image tokens than hold this share of the score; the keep ratios are the most',
      )
        .argParser(numberUpTo(1, 'above 0'))
        .conflicts('perImage'),
    )
    .option(
      '--keep-floor <share>',
      `share of the original image tokens that stays at least: with --keep-mass (default: one token), and where keep ratios are fitted to a budget (default: ${leastFittedRatio})`,
      numberUpTo(1, 'from 0'),
    )
    .option('--per-image', 'each image keeps its own share, in place of all of them together');
}

/** What `--seed` says to a plan. */
export const seedOfMethod = 'with --method random: tokens are chosen by this seed';

/** Names of the options of a plan and its budget, as commander has them; without `seed`, which may be an answer's too. */
export const planOptionNames = [
  'preset',
  'accumulate',
  'accumulation',
  'pruneAfter',
  'keep',
  'direction',
  'transitionParts',
  'method',
  'alpha',
  'asPrinted',
  'positions',
  'perImage',
  'keepMass',
  'keepFloor',
  ...budgetOptionNames,
] as const satisfies readonly (keyof PlanOptions | keyof BudgetOptions)[];

/** True if the user named any of them. */
export function isPlanGiven(command: Command): boolean {
  const names = [...planOptionNames, 'seed'];
  return names.some((name) => command.getOptionValueSource(name) === 'cli');
}

/**
 * The plan for a decoder of this depth.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that do not go together, INVALID_PLAN for a
 *   plan that does not fit the decoder, and for options that say nothing to its method
 */
export function choosePlan(
  options: PlanOptions & BudgetOptions & Temperature,
  layers: number,
): ChosenPlan {
  const { preset = defaultPreset, accumulate, pruneAfter, keep } = options;
  const { direction, transitionParts, positions, perImage, keepMass, keepFloor } = options;
  const { accumulation } = options;
  if (keepFloor !== undefined && keepMass === undefined && !budgetOf(options)) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected --keep-mass or a budget with --keep-floor, got neither; for example --speedup 2 --keep-floor .1',
      { option: '--keep-floor', missing: ['--keep-mass', '--speedup'] },
    );
  }
  const method = methodFrom(options);
  const seed = seedFrom(options);
  checkTransitionFields(
    { method: method ?? 'transprune' },
    { accumulateLayers: accumulate, accumulation, direction, transitionParts },
  );
  const fields = {
    ...(accumulation === 'per-stage' && { accumulation }),
    ...(direction && { direction }),
    ...(transitionParts && { transitionParts }),
    ...(method && { method }),
    ...(seed !== undefined && { seed }),
    ...(positions && { positions }),
    ...(perImage && { perImage }),
    ...(keepMass !== undefined && { keepMass }),
    // Without a mass it is the budget's alone.
    ...(keepFloor !== undefined && keepMass !== undefined && { keepFloor }),
  };
  if (!accumulate && !pruneAfter && !keep) {
    const { plan, schedule } = presetPlan(preset, layers);
    const chosen = { ...plan, ...fields };
    validatePlan(chosen, layers);
    return { preset, schedule, plan: chosen };
  }
  if (!pruneAfter && !keep) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      'expected --prune-after and --keep with --accumulate, got --accumulate alone; for example --accumulate 7-12 --prune-after 7,9,12 --keep .875,.625,.125',
      { option: '--accumulate', missing: ['--prune-after', '--keep'] },
    );
  }
  if (!pruneAfter || !keep || pruneAfter.length !== keep.length) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected --prune-after and --keep with as many entries each, got ${pruneAfter?.length ?? 'none'} and ${keep?.length ?? 'none'}; for example --prune-after 7,9,12 --keep .875,.625,.125`,
      { pruneAfter, keep },
    );
  }
  const plan = createPlan({
    ...fields,
    accumulateLayers: accumulate ?? layersBetween(pruneAfter),
    stages: pruneAfter.map((afterLayer, i) => ({ afterLayer, keepRatio: keep[i] ?? 1 })),
  });
  validatePlan(plan, layers);
  return { preset: null, schedule: 'custom', plan };
}

/** Of an answer, whose tokens `--seed` may be for. */
interface Temperature {
  readonly temperature?: number;
}

/**
 * The method by its name, that of a weight where one was chosen.
 *
 * @throws TransPruneError INVALID_PLAN for a weight of another method than transprune
 */
function methodFrom({ method, alpha, asPrinted }: PlanOptions): string | undefined {
  if (alpha === undefined && !asPrinted) return method;
  if ((method ?? 'transprune') === 'transprune') {
    return transpruneWith({ alpha: alpha ?? 0.5, normalized: !asPrinted }).name;
  }
  const option = alpha === undefined ? '--as-printed' : '--alpha';
  throw new TransPruneError(
    'INVALID_PLAN',
    `${option} is for the method transprune, which adds up two parts, got it with ${method}, which does not; leave it out, or choose transprune`,
    { option, method },
  );
}

/**
 * The seed of a plan that draws at random; undefined if none was chosen, or it is an answer's.
 *
 * @throws TransPruneError INVALID_PLAN for a seed where nothing is drawn
 */
function seedFrom({ seed, method = 'transprune', temperature = 0 }: PlanOptions & Temperature) {
  if (seed === undefined || drawsTokens(method)) return seed;
  if (temperature > 0) return undefined;
  throw new TransPruneError(
    'INVALID_PLAN',
    `--seed is for methods that draw at random (${methodNames.filter(drawsTokens).join(', ')}), got it with ${method}, which does not; leave it out, or choose one of those`,
    { option: '--seed', method },
  );
}

/** Whether a plan's seed says anything to a method. */
export const drawsTokens = (method: MethodName) => methodByName(method).needs.includes('noise');

/** A plan, and what was changed to make it fit a decoder and a budget. */
export interface FittedChoice extends ChosenPlan {
  readonly moved: readonly MovedPrune[];
  readonly budget: BudgetReport | null;
}

/**
 * The plan for a decoder that was read: its positions settled, each prune moved to the nearest depth that may have
 * one, its keep ratios fitted to the budget.
 *
 * @throws TransPruneError as `choosePlan` and `planForBudget` do, INVALID_PLAN if there is no such depth,
 *   INVALID_ARGUMENT for a budget in FLOPs where the decoder's cannot be counted
 */
export function planFor(
  options: PlanOptions & BudgetOptions & ReductionOptions,
  decoder: Decoder,
  costing: Costing,
): FittedChoice {
  const chosen = choosePlan(options, decoder.layers.length);
  const { plan, moved } = fitPlan(settlePlan(chosen.plan, decoder), decoder);
  const { budgetTflops, speedup } = options;
  if ((budgetTflops ?? speedup) !== undefined && !sizesAreKnown(decoder)) {
    const option = budgetTflops === undefined ? '--speedup' : '--budget-tflops';
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected a decoder of plain attention layers, all of one size, with ${option}, got one whose FLOPs the graph does not tell; use --keep-average or --average-image-tokens, which count tokens`,
      { option },
    );
  }
  return { ...chosen, moved, ...withinBudget(plan, options, costing) };
}

/** From the first prune to the last, as the published configurations have it. */
function layersBetween(pruneAfter: readonly number[]): number[] {
  const [first = 1, last = 0] = [pruneAfter[0], pruneAfter.at(-1)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

/** Sentences for prunes that were moved, and for a budget. */
export function planNotes({ moved, plan, budget }: FittedChoice): string[] {
  const moves = moved.map(({ from, to }) => `from after layer ${from} to after layer ${to}`);
  return [
    ...(moves.length > 0
      ? [`a prune needs a layer with attention of its own after it: moved ${moves.join(', ')}`]
      : []),
    ...(budget ? [budgetNote(budget, plan)] : []),
  ];
}

/** The same where a plan itself is what is asked for; with a sentence for layer numbers that nobody published. */
export function fullPlanNotes(chosen: FittedChoice, layers: number): string[] {
  const scaled = `${chosen.preset}: layer numbers published for 32 layers, scaled to ${layers} (this project's own choice)`;
  return [...(chosen.schedule === 'depth-scaled' ? [scaled] : []), ...planNotes(chosen)];
}
