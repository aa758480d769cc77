/** First runs take longer, as kernels are made then; a blank picture takes the delay. */
import type { PrunePlan } from '@transprune/core';
import type { Engines } from './engines.js';

const side = 8;

/** Answers a question about a blank picture with both decoders. */
export async function warmUp(engines: Engines, plan: PrunePlan): Promise<void> {
  const data = new Uint8ClampedArray(side * side * 3).fill(128);
  const images = [{ data, width: side, height: side, channels: 3 as const }];
  const { engine: pruned } = await engines.pruned(plan);
  for (const engine of [engines.unpruned, pruned]) {
    for await (const _event of engine.generate({ question: 'hello', images, maxNewTokens: 2 }));
  }
}
