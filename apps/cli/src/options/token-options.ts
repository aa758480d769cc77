import type { Command } from 'commander';
import { wholeNumber } from './parsers.js';

/** How many tokens the figures are for. */
export interface TokenOptions {
  readonly imageTokens?: number;
  readonly textTokens: number;
}

export const defaultTextTokens = 64;

/**
 * Adds `--image-tokens` and `--text-tokens`.
 *
 * @param imageTokens the default, or in words where it comes from
 */
export function addTokenOptions(
  command: Command,
  imageTokens: number | string = "the model's",
): Command {
  const described =
    'image tokens in the prompt, before any is dropped; the budget is --average-image-tokens';
  if (typeof imageTokens === 'string') {
    const text = `${described} (default: ${imageTokens})`;
    command.option('--image-tokens <count>', text, wholeNumber(1));
  } else {
    command.option('--image-tokens <count>', described, wholeNumber(1), imageTokens);
  }
  return command.option(
    '--text-tokens <count>',
    'text tokens in the prompt',
    wholeNumber(0),
    defaultTextTokens,
  );
}
