/** The engine in a worker of a page, which the page uses as if it were its own. */
import { packageUrl } from '@transprune/fixtures/browser';
import { collect, connectEngine } from '@transprune/vlm';
import { expect, test } from 'vitest';

test('a worker answers, and ends what is aborted', async () => {
  const worker = new Worker(new URL('../testing/engine-worker.ts', import.meta.url), {
    type: 'module',
  });
  const { port1, port2 } = new MessageChannel();
  const model = { url: packageUrl('embedded-model/model/').href };
  worker.postMessage({ open: { model, device: 'wasm' }, port: port2 }, [port2]);
  const engine = await connectEngine(port1);
  const images = [packageUrl('embedded-model/samples/scene-1.png')];
  const question = 'what color is the heart?';
  const { text } = await collect(engine.generate({ question, images }));
  expect(text).toBe('cyan');
  const controller = new AbortController();
  const { signal } = controller;
  const events = engine.generate({ question: 'describe the image', images, signal });
  const aborted = await collect(events, () => controller.abort());
  expect(aborted.finishReason).toBe('aborted');
  expect(aborted.tokenIds.length).toBeLessThan(8);
  await engine.dispose();
  worker.terminate();
});
