import type { Command } from 'commander';
import { wholeNumber } from './parsers.js';

export interface ThreadOptions {
  readonly threads: number;
}

/** Each thread takes memory before anything runs, and opening cannot be interrupted. */
const mostThreads = 1024;

/**
 * Adds `--threads`.
 *
 * @param standard the default; left out where onnxruntime chooses
 */
export function addThreadOption(command: Command, standard?: number): Command {
  const count = wholeNumber(1, mostThreads);
  return standard === undefined
    ? command.option('--threads <count>', 'threads of the CPU (default: one a core)', count)
    : command.option('--threads <count>', 'threads of the CPU', count, standard);
}
