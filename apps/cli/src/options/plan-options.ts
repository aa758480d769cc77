import {
  createPlan,
  type Direction,
  directions,
  type MethodName,
  type MovedPrune,
  methodNames,
  type PositionMode,
  type PresetPlan,
  type PrunePlan,
  positionModes,
  presetNames,
  presetPlan,
  settlePlan,
  TransPruneError,
  validatePlan,
} from '@transprune/core';
import { type Decoder, fitPlan } from '@transprune/onnx';
import { type Command, Option } from 'commander';
import { layerList, numberList } from './parsers.js';

/** What the user said about where and how to prune. */
export interface PlanOptions {
  readonly preset?: string;
  readonly accumulate?: readonly number[];
  readonly pruneAfter?: readonly number[];
  readonly keep?: readonly number[];
  readonly direction?: Direction;
  readonly method?: MethodName;
  readonly positions?: PositionMode;
  readonly perImage?: boolean;
}

/** A plan, and where its layer numbers come from. */
export interface ChosenPlan {
  /** null for stages named one by one. */
  readonly preset: string | null;
  readonly schedule: PresetPlan['schedule'] | 'custom';
  readonly plan: PrunePlan;
}

export const defaultPreset = 'transprune-high';

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
    .option('--prune-after <layers>', 'layers that are followed by a prune, from 1', layerList)
    .option('--keep <ratios>', 'share of the original image tokens left by each prune', numberList)
    .addOption(
      new Option('--direction <form>', 'how direction enters the token transition')
        .choices(directions)
        .default('1-cos'),
    )
    .addOption(
      new Option('--method <name>', 'what tokens are ranked by')
        .choices(methodNames)
        .default('transprune'),
    )
    .addOption(
      new Option(
        '--positions <mode>',
        'tokens after a prune are counted anew, or keep the positions that they had; left out: keep where positions are three rows, else counted anew',
      ).choices(positionModes),
    )
    .option('--per-image', 'each image keeps its own share, in place of all of them together');
}

/** Names of the plan's options, as commander has them. */
export const planOptionNames = [
  'preset',
  'accumulate',
  'pruneAfter',
  'keep',
  'direction',
  'method',
  'positions',
  'perImage',
] as const satisfies readonly (keyof PlanOptions)[];

/** True if the user named any option of the plan. */
export function isPlanGiven(command: Command): boolean {
  return planOptionNames.some((name) => command.getOptionValueSource(name) === 'cli');
}

/**
 * The plan for a decoder of this depth.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that do not go together, INVALID_PLAN for a
 *   plan that does not fit the decoder
 */
export function choosePlan(options: PlanOptions, layers: number): ChosenPlan {
  const { preset = defaultPreset, accumulate, pruneAfter, keep } = options;
  const { direction, method, positions, perImage } = options;
  const fields = {
    ...(direction && { direction }),
    ...(method && { method }),
    ...(positions && { positions }),
    ...(perImage && { perImage }),
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
      `expected --prune-after and --keep with as many entries each, got ${pruneAfter?.length ?? 'no'} and ${keep?.length ?? 'no'}; for example --prune-after 7,9,12 --keep .875,.625,.125`,
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

/** A plan, and what was moved to make it fit a decoder. */
export interface FittedChoice extends ChosenPlan {
  readonly moved: readonly MovedPrune[];
}

/**
 * The plan for a decoder that was read: its positions settled, each prune moved to the nearest depth that may have
 * one.
 *
 * @throws TransPruneError as `choosePlan` does, INVALID_PLAN if there is no such depth
 */
export function planFor(options: PlanOptions, decoder: Decoder): FittedChoice {
  const chosen = choosePlan(options, decoder.layers.length);
  return { ...chosen, ...fitPlan(settlePlan(chosen.plan, decoder), decoder) };
}

/** From the first prune to the last, as the published configurations have it. */
function layersBetween(pruneAfter: readonly number[]): number[] {
  const [first = 1, last = 0] = [pruneAfter[0], pruneAfter.at(-1)];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}

/** Sentences for plans whose layer numbers nobody published, and for prunes that were moved. */
export function planNotes({ schedule, preset, moved }: FittedChoice, layers: number): string[] {
  const scaled = `${preset} is published for 32 layers; its layer numbers are scaled to ${layers}, which is this project's own choice`;
  const moves = moved.map(({ from, to }) => `from after layer ${from} to after layer ${to}`);
  return [
    ...(schedule === 'depth-scaled' ? [scaled] : []),
    ...(moves.length > 0
      ? [`a prune needs a layer with attention of its own after it: moved ${moves.join(', ')}`]
      : []),
  ];
}
