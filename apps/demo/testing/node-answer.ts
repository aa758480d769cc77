/** The same question to the same model in Node. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import type { PrunePlan } from '@transprune/core';
import * as embedded from '@transprune/embedded-model';
import { openModel } from '@transprune/files/node';
import * as small from '@transprune/small-model';
import { collect, type GenerateResult, openEngine } from '@transprune/vlm';

const packages = { embedded, small };

export type ModelName = keyof typeof packages;

export async function answerInNode(
  model: ModelName,
  sample: string,
  question: string,
  plan: PrunePlan,
): Promise<GenerateResult> {
  const { modelDirectory, samplesDirectory } = packages[model];
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
