/** Tiny models of many classes, pruned for batches: each request gets what it gets alone. */
import { openModel } from '@transprune/files/node';
import { type HubModel, hubCases, hubFolder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../src/index.js';
import { answer } from './ask.js';
import { watchedBackend } from './embedded.js';
import { planFor } from './hub-pruned.js';

/** Other images, and prompts of other lengths. */
function requestsOf(model: HubModel) {
  const cases = hubCases().filter(
    (each) => each.model === model && Object.values(each.format).every((name) => name === 'fp32'),
  );
  const byLength = new Map(cases.map((each) => [each.inputIds.length, each]));
  return [...byLength.values()]
    .slice(0, 4)
    .map(({ prompt, images }, at) => ({ prompt, images, maxNewTokens: 20 + 4 * at }));
}

/** Tests of batches on tiny models. */
export function describeHubBatches(models: readonly HubModel[]): void {
  describe.each(models)('%s', (model) => {
    test('in a batch, as alone', async () => {
      const backend = watchedBackend();
      const engine = await openEngine({
        model: { folder: hubFolder(model) },
        pruning: { plan: planFor(model), options: { batch: true, trace: true } },
        backend,
        open: openModel,
      });
      const requests = requestsOf(model);
      const alone: (readonly number[])[] = [];
      for (const request of requests) alone.push((await answer(engine, request)).tokenIds);
      const together = await Promise.all(requests.map((request) => answer(engine, request)));
      expect(together.map(({ tokenIds }) => tokenIds)).toEqual(alone);
      const rows = backend.decoderFeeds.map(({ inputs_embeds: x }) => x?.dims[0] ?? 0);
      expect(Math.max(...rows)).toBeGreaterThan(1);
      await engine.dispose();
    });
  });
}
