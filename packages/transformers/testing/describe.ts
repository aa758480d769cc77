/** What has to hold for every model. */
import { nodeBackend } from '@transprune/backend-node';
import { openModel } from '@transprune/files/node';
import { type HubCase, hubFolder } from '@transprune/fixtures';
import { type PruningCall, pruned } from '@transprune/transformers';
import { collect, openEngine } from '@transprune/vlm';
import { afterAll, expect, test } from 'vitest';
import { useOwnCache } from './cache.js';
import { Class, generate, inputsOf, loadOptions, planFor, ratiosFor } from './hub.js';

/** Opens each model once, its decoder pruned, until the tests of a file end. */
export function opener() {
  useOwnCache();
  return openOnce(({ model, format }) =>
    pruned(Class, { plan: planFor(model) }).from_pretrained(
      hubFolder(model),
      loadOptions({ format }),
    ),
  );
}

/** Opens each model once by the stock library, until the tests of a file end. */
export const stock = () =>
  openOnce(({ model, format }) => Class.from_pretrained(hubFolder(model), loadOptions({ format })));

type Which = Pick<HubCase, 'model' | 'format'>;

function openOnce<Opened extends { dispose(): Promise<unknown> }>(
  open: (which: Which) => Promise<Opened>,
) {
  const opened = new Map<string, Promise<Opened>>();
  afterAll(async () => {
    for (const each of opened.values()) await (await each.catch(() => undefined))?.dispose();
  });
  return ({ model, format }: Which) => {
    const key = JSON.stringify([model, format]);
    const found = opened.get(key) ?? open({ model, format });
    opened.set(key, found);
    return found;
  };
}

/** This project's own engine for a model, pruned in the same way. */
const engines = () =>
  openOnce(({ model, format }) =>
    openEngine({
      model: { folder: hubFolder(model), format },
      pruning: { plan: planFor(model), options: { trace: true, runtimeRatios: true } },
      backend: nodeBackend,
      open: openModel,
    }),
  );

/** Tests of single prompts: as the stock library unpruned, as this project's engine pruned. */
export function describePrompts(cases: readonly HubCase[]): void {
  const open = opener();
  const openReference = engines();
  test.each(cases)('$model, $name', async (each) => {
    const model = await open(each);
    const engine = await openReference(each);
    const inputs = await inputsOf(each);
    const { prompt, images, tokens, losesPadding } = each;
    const answer = async (pruning?: PruningCall) => {
      const { rows } = await generate(model, inputs, { tokens: tokens.length, pruning });
      return rows[0] ?? [];
    };
    const reference = (keepRatios?: readonly number[]) => {
      const ratios = keepRatios ? { keepRatios } : {};
      return collect(engine.generate({ prompt, images, maxNewTokens: tokens.length, ...ratios }));
    };
    const known = losesPadding ? 1 : tokens.length;
    const expected = tokens.slice(0, known);
    expect((await answer(false)).slice(0, known)).toEqual(expected);
    const all = ratiosFor(each.model, [1, 1]);
    expect((await answer({ keepRatios: all })).slice(0, known)).toEqual(expected);
    const { tokenIds, stages } = await reference();
    expect(await answer()).toEqual(tokenIds);
    if (images.length > 0) {
      expect(model.pruning.last?.[0]?.stages.map(({ kept }) => kept)).toEqual(
        stages.map(({ kept }) => kept),
      );
    }
    const keepRatios = ratiosFor(each.model, [0.75, 0.125]);
    expect(await answer({ keepRatios })).toEqual((await reference(keepRatios)).tokenIds);
  });
}
