import { join } from 'node:path';
import { samplesDirectory } from '@transprune/small-model';
import { afterEach, expect, test, vi } from 'vitest';
import { answer } from '../../testing/ask.js';
import { FakeTensor } from '../../testing/fake-backend.js';
import { loadFake } from '../../testing/fake-model.js';

afterEach(() => vi.restoreAllMocks());

// A run on a graphics card returns at once; its results are waited for when they are brought.
test('parts of an answer last until their results are here', async () => {
  let clock = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => clock);
  const download = FakeTensor.prototype.download;
  vi.spyOn(FakeTensor.prototype, 'download').mockImplementation(function (this: FakeTensor) {
    clock += 100;
    return download.call(this);
  });
  const { engine } = await loadFake();
  const images = [join(samplesDirectory, 'scene-1.png')];
  const { timings, tokenIds } = await answer(engine, {
    question: 'what color is the cross',
    images,
  });
  expect(tokenIds).toHaveLength(3);
  expect(timings).toMatchObject({ visionMs: 100, prefillMs: 100, decodeMs: 200 });
});
