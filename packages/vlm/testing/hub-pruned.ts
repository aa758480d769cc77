/** Tiny models of many classes, pruned where each can be: with everything kept as unpruned, else as long as planned. */
import { nodeBackend } from '@transprune/backend-node';
import { createPlan, type PrunePlan } from '@transprune/core';
import { openModel } from '@transprune/files/node';
import { type HubCase, type HubModel, hubFolder } from '@transprune/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { type LocalEngine, openEngine } from '../src/index.js';
import { answer } from './ask.js';

/** Depths of two prunes, where they are not 3 and 5. */
const depths: Readonly<Record<string, readonly [number, number]>> = {
  // Later layers borrow keys of layers 5 and 6.
  gemma4: [2, 4],
  // Layers 3, 5 and 7 have attention.
  lfm2_vl: [2, 4],
  // Layers 4 and 8 have attention.
  qwen3_5: [3, 7],
};

/** A plan with two prunes for a model. */
export function planFor(model: HubModel): PrunePlan {
  const [first, second] = depths[model] ?? [3, 5];
  return createPlan({
    accumulateLayers: [2, 3],
    stages: [
      { afterLayer: first, keepRatio: 0.5 },
      { afterLayer: second, keepRatio: 0.25 },
    ],
  });
}

/** Tests of prompts with images. */
export function describePruned(cases: readonly HubCase[]): void {
  const opened = new Map<string, Promise<LocalEngine>>();
  afterAll(async () => {
    for (const engine of opened.values()) await (await engine).dispose();
  });
  const open = ({ model, format }: HubCase) => {
    const key = JSON.stringify([model, format]);
    const found =
      opened.get(key) ??
      openEngine({
        model: { folder: hubFolder(model), format },
        pruning: { plan: planFor(model), options: { trace: true, runtimeRatios: true } },
        backend: nodeBackend,
        open: openModel,
      });
    opened.set(key, found);
    return found;
  };

  describe('pruned', () => {
    test.each(cases)('$model, $name', async (each) => {
      const { prompt, images, inputIds, tokens, losesPadding } = each;
      const engine = await open(each);
      const request = { prompt, images, maxNewTokens: tokens.length };
      const whole = await answer(engine, { ...request, keepRatios: [1, 1] });
      const known = losesPadding ? 1 : tokens.length;
      expect(whole.tokenIds.slice(0, known)).toEqual(tokens.slice(0, known));
      const half = await answer(engine, request);
      expect(half.tokenIds).not.toEqual(whole.tokenIds);
      const imageTokens = whole.stages[0]?.keptImageTokens.length ?? 0;
      const kept = [0.5, 0.25].map((ratio) => Math.floor(imageTokens * ratio));
      expect(half.stages.map(({ keptImageTokens }) => keptImageTokens.length)).toEqual(kept);
      const texts = inputIds.length - imageTokens;
      const lengths = [imageTokens, ...kept].map((count) => texts + count);
      expect(lengths).toEqual(
        expect.arrayContaining([...new Set(half.cache.afterPrefill.lengths)]),
      );
    });
  });
}
