/** Runs the seeds that its parent sends, one after the other. */
import type { FromChild } from './pool.js';
import { runSeed } from './seed.js';

const tell = (message: FromChild) => process.send?.(message);

process.on('message', async (seed: number) => {
  tell({ outcome: await runSeed(seed, (runsOriginal) => tell({ runsOriginal })) });
});
