/** Tiny models of many classes: the engine's tokens are those of the stock library. */
import { nodeBackend } from '@transprune/backend-node';
import { modelFolder } from '@transprune/files/node';
import { type HubCase, hubFolder, hubModels } from '@transprune/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { collect, createEngine, type LocalEngine } from '../src/index.js';

function engineFor(
  { model, format }: HubCase,
  opened: Map<string, Promise<LocalEngine>>,
): Promise<LocalEngine> {
  const key = JSON.stringify([model, format]);
  const open = async () =>
    createEngine({ files: await modelFolder(hubFolder(model), { format }), backend: nodeBackend });
  const found = opened.get(key) ?? open();
  opened.set(key, found);
  return found;
}

/** Tests of prompts of the tiny models: tokens are those of the stock library. */
export function describeHub(cases: readonly HubCase[]): void {
  const opened = new Map<string, Promise<LocalEngine>>();
  afterAll(async () => {
    for (const engine of opened.values()) await (await engine).dispose();
  });

  const used = hubModels.filter((model) => cases.some((each) => each.model === model));
  describe.each(used)('%s', (model) => {
    test.each(cases.filter((each) => each.model === model))('$name', async (each) => {
      const engine = await engineFor(each, opened);
      const { prompt, images, inputIds, tokens, losesPadding } = each;
      const result = await collect(
        engine.generate({ prompt, images, maxNewTokens: tokens.length }),
      );
      expect(result.usage.promptTokens).toBe(inputIds.length);
      const known = losesPadding ? 1 : tokens.length;
      expect(result.tokenIds.slice(0, known)).toEqual(tokens.slice(0, known));
    });
  });
}
