/** Runs the seeds that its parent sends, one after the other. */
import { runKeptSeed } from './kept.js';
import type { FromChild, ToChild } from './pool.js';
import { runSeed } from './seed.js';

const tell = (message: FromChild) => process.send?.(message);
const runs = { answers: runSeed, kept: runKeptSeed };

process.on('message', async ({ seed, search }: ToChild) => {
  tell({ outcome: await runs[search](seed, (runsOriginal) => tell({ runsOriginal })) });
});
