/** The same question to the same model in Node. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import type { PrunePlan } from '@transprune/core';
import { modelDirectory, samplesDirectory } from '@transprune/embedded-model';
import { openModel } from '@transprune/files/node';
import { collect, type GenerateResult, openEngine } from '@transprune/vlm';

export async function answerInNode(
  sample: string,
  question: string,
  plan: PrunePlan,
): Promise<GenerateResult> {
  const engine = await openEngine({
    model: { folder: modelDirectory },
    pruning: { plan, options: { trace: true } },
    backend: nodeBackend,
    open: openModel,
  });
  try {
    const images = [join(samplesDirectory, `${sample}.png`)];
    return await collect(engine.generate({ question, images }));
  } finally {
    await engine.dispose();
  }
}
