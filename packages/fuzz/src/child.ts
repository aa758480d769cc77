/** Runs the seeds that its parent sends, one after the other. */
import { runSeed } from './seed.js';

process.on('message', async (seed: number) => {
  process.send?.(await runSeed(seed));
});
