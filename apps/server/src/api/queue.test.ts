/** Requests that wait for an engine: nothing of theirs is read before it is their turn. */
import { readFileSync } from 'node:fs';
import type { Engine, EngineRequest } from '@transprune/vlm';
import { expect, test } from 'vitest';
import { elsewhere } from '../../testing/elsewhere.js';
import {
  closed,
  model,
  question,
  sample,
  samplePath,
  startHere,
  startServer,
} from '../../testing/server.js';

test('images of a request are read when the engine has room for it', async () => {
  const log: string[] = [];
  let goOn = () => {};
  const mayGoOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const startEngine = async () => {
    const handle = await startHere({});
    async function* generate(request: EngineRequest) {
      log.push('begins');
      try {
        await mayGoOn;
        yield* handle.engine.generate(request);
      } finally {
        log.push('ends');
      }
    }
    const engine: Engine = Object.assign(Object.create(handle.engine), { generate });
    return { ...handle, engine };
  };
  const { port, network } = await elsewhere((_, response) => {
    log.push('reads an image');
    response.end(readFileSync(samplePath('scene-1.png')));
  });
  const server = closed(
    await startServer({
      startEngine,
      network,
      imageHosts: ['pictures.test'],
      limits: { active: 1, waiting: 2 },
    }),
  );
  const load = async () => (await fetch(`${server.url}/ready`)).json();
  const ask = (picture: string) =>
    server.openai.chat.completions.create({
      model,
      messages: [question('what color is the heart?', picture)],
    });
  const first = ask(sample('scene-1.png'));
  await expect.poll(() => log).toEqual(['begins']);
  const second = ask(`http://pictures.test:${port}/scene-1.png`);
  await expect.poll(load).toMatchObject({ running: 1, waiting: 1 });
  // Time in which an image would be read.
  await new Promise((resolve) => setTimeout(resolve, 300));
  goOn();
  const answers = await Promise.all([first, second]);
  expect(answers.map(({ choices }) => choices[0]?.message.content)).toEqual(['purple', 'purple']);
  expect(log).toEqual(['begins', 'ends', 'reads an image', 'begins', 'ends']);
  const { metrics } = answers[1] as unknown as { metrics: { queue_time_ms: number } };
  expect(metrics.queue_time_ms).toBeGreaterThan(250);
  await expect.poll(load).toMatchObject({ running: 0, waiting: 0 });
});

test('all images of a request share its pixels', async () => {
  const server = closed(await startServer({ limits: { requestPixels: 20_000 } }));
  const ask = (pictures: number) => {
    const images = Array.from({ length: pictures }, () => sample('scene-1.png'));
    return server.openai.chat.completions.create({
      model,
      messages: [question('what is this?', ...images)],
      max_completion_tokens: 1,
    });
  };
  await ask(1);
  await expect(ask(5)).rejects.toMatchObject({
    status: 400,
    code: 'invalid_image',
    message: expect.stringContaining('and 20000 in a request'),
    param: expect.stringMatching(/^messages\[0\]\.content\[[1-4]\]/),
  });
});
