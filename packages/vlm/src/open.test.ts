/** Engines by the description of a model. */

import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { presetPlan } from '@transprune/core';
import { openModel } from '@transprune/files/node';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, onTestFinished, test } from 'vitest';
import { answer } from '../testing/ask.js';
import { openEngine } from './open.js';

const { plan } = presetPlan('transprune-high', 12);
const ask = { question: 'describe the image', images: [join(samplesDirectory, 'scene-1.png')] };
const folder = { folder: modelDirectory };

test('a folder, unpruned and pruned', async () => {
  const unpruned = await openEngine({ model: folder, backend: nodeBackend, open: openModel });
  const { usage, text } = await answer(unpruned, ask);
  expect([usage.imageTokens, usage.keptImageTokens]).toEqual([144, []]);
  await unpruned.dispose();
  const pruned = await openEngine({
    model: folder,
    pruning: { plan, options: { runtimeRatios: true } },
    backend: nodeBackend,
    open: openModel,
  });
  // The ratios of the plan are known, though nobody names them; the caches tell what was kept.
  expect((await answer(pruned, ask)).usage.keptImageTokens).toEqual([126, 90, 18]);
  const whole = await answer(pruned, { ...ask, keepRatios: [1, 1, 1] });
  expect([whole.text, whole.usage.keptImageTokens]).toEqual([text, [144, 144, 144]]);
  await pruned.dispose();
});

test('a folder on a server, with a prune in memory', async () => {
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(request.url ?? '');
    const file = await readFile(join(modelDirectory, request.url ?? '')).catch(() => undefined);
    if (file) response.end(file);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const engine = await openEngine({ model: { url }, pruning: { plan }, backend: nodeBackend });
  expect((await answer(engine, ask)).usage.keptImageTokens).toEqual([126, 90, 18]);
  expect(asked).toContain('/tokenizer.json');
  expect(asked).toContain('/onnx/decoder_model_merged.onnx');
  await engine.dispose();
});

test('what cannot be opened is said, and leaves nothing', async () => {
  const before = await readdir(tmpdir());
  const open = (options: object) =>
    openEngine({ model: folder, backend: nodeBackend, open: openModel, ...options });
  await expect(openEngine({ model: folder, backend: nodeBackend })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('open it with openModel of @transprune/files/node'),
  });
  await expect(open({ model: { folder: '/nowhere' } })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  const deep = { ...plan, stages: [{ afterLayer: 40, keepRatio: 0.5 }] };
  await expect(open({ pruning: { plan: deep } })).rejects.toMatchObject({ code: 'INVALID_PLAN' });
  const made = (await readdir(tmpdir())).filter((name) => name.startsWith('.transprune-'));
  expect(made.filter((name) => !before.includes(name))).toEqual([]);
});
