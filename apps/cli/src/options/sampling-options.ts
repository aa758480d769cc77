import { TransPruneError } from '@transprune/core';
import type { AnswerOptions } from '@transprune/vlm';
import type { Command } from 'commander';
import { numberUpTo, wholeNumber } from './parsers.js';
import { drawsTokens, type PlanOptions, seedOfMethod } from './plan-options.js';

/** How an answer is made. */
export interface SamplingOptions {
  readonly maxNewTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
}

/** Adds `--max-new-tokens`, `--temperature` and `--top-p`, and says what `--seed` of the plan's options is for besides. */
export function addSamplingOptions(command: Command): Command {
  for (const option of command.options.filter(({ long }) => long === '--seed')) {
    option.description = `with --temperature: draw the same tokens again; ${seedOfMethod}`;
  }
  return command
    .option('--max-new-tokens <count>', 'longest answer', wholeNumber(1), 128)
    .option(
      '--temperature <number>',
      'draw tokens at random, the sharper the lower (default: 0, the likeliest token)',
      numberUpTo(100, 'from 0'),
    )
    .option(
      '--top-p <share>',
      'with --temperature: draw from the likeliest tokens that reach this probability',
      numberUpTo(1, 'above 0'),
    );
}

/**
 * What a request brings of it.
 *
 * @throws TransPruneError INVALID_ARGUMENT for options that mean nothing without a temperature
 */
export function answerOptions({
  maxNewTokens,
  temperature = 0,
  topP,
  seed,
  method = 'transprune',
}: SamplingOptions & Pick<PlanOptions, 'method'>): Pick<
  AnswerOptions,
  'maxNewTokens' | 'sampling'
> {
  const isPlans = drawsTokens(method);
  const isSeedPointless = seed !== undefined && !isPlans;
  const pointless = topP !== undefined ? '--top-p' : isSeedPointless ? '--seed' : undefined;
  if (temperature === 0 && pointless !== undefined) {
    const or = pointless === '--seed' ? ', or --method random,' : '';
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected --temperature above 0${or} with ${pointless}, got none; without it the likeliest token is taken`,
      { option: pointless },
    );
  }
  const sampling = {
    temperature,
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && temperature > 0 && { seed }),
  };
  return { maxNewTokens, sampling };
}
