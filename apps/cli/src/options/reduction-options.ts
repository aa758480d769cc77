/** Fewer image tokens before the decoder, whatever is asked. */
import {
  type Reduction,
  type ReductionName,
  reductionNames,
  TransPruneError,
} from '@transprune/core';
import { type Command, Option } from 'commander';
import { wholeNumber } from './parsers.js';

export interface ReductionOptions {
  readonly reduce?: ReductionName;
  readonly reduceTo?: number;
}

/** Names of the options, as commander has them. */
export const reductionOptionNames = [
  'reduce',
  'reduceTo',
] as const satisfies readonly (keyof ReductionOptions)[];

/** Adds `--reduce` and `--reduce-to`. */
export function addReductionOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--reduce <method>',
        'choose or merge image tokens before the decoder, whatever is asked; the plan prunes what is left',
      ).choices(reductionNames),
    )
    .option(
      '--reduce-to <tokens>',
      'with --reduce: image tokens of each picture that are left',
      wholeNumber(1),
    );
}

/**
 * What the user asked for; undefined if nothing.
 *
 * @throws TransPruneError INVALID_ARGUMENT for one option without the other
 */
export function reductionOf({ reduce, reduceTo }: ReductionOptions): Reduction | undefined {
  if (reduce !== undefined && reduceTo !== undefined) return { method: reduce, tokens: reduceTo };
  if (reduce === undefined && reduceTo === undefined) return undefined;
  const [given, missing] =
    reduce === undefined ? ['--reduce-to', '--reduce'] : ['--reduce', '--reduce-to'];
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected ${missing} with ${given}, got none; for example --reduce vision-zip --reduce-to 64`,
    { option: given, missing },
  );
}
