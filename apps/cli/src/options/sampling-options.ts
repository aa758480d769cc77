import { TransPruneError } from '@transprune/core';
import type { AnswerOptions } from '@transprune/vlm';
import type { Command } from 'commander';
import { numberUpTo, wholeNumber } from './parsers.js';

/** How an answer is made. */
export interface SamplingOptions {
  readonly maxNewTokens: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly seed?: number;
}

/** Adds `--max-new-tokens`, `--temperature`, `--top-p` and `--seed`. */
export function addSamplingOptions(command: Command): Command {
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
    )
    .option('--seed <number>', 'with --temperature: draw the same tokens again', wholeNumber(0));
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
}: SamplingOptions): Pick<AnswerOptions, 'maxNewTokens' | 'sampling'> {
  const pointless = topP !== undefined ? '--top-p' : seed !== undefined ? '--seed' : undefined;
  if (temperature === 0 && pointless !== undefined) {
    throw new TransPruneError(
      'INVALID_ARGUMENT',
      `expected --temperature above 0 with ${pointless}, got none; without it the likeliest token is taken`,
      { option: pointless },
    );
  }
  const sampling = {
    temperature,
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
  };
  return { maxNewTokens, sampling };
}
