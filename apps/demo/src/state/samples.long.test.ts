/** What the page suggests is answered right under its first preset. */
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { presetPlan } from '@transprune/core';
import { modelDirectory, samplesDirectory } from '@transprune/embedded-model';
import { openModel } from '@transprune/files/node';
import { collect, openEngine } from '@transprune/vlm';
import { expect, test } from 'vitest';
import data from '../../../../packages/embedded-model/samples/samples.json';
import { layers } from './plan.js';
import { samples } from './samples.js';

test('every suggestion is answered right under High', async () => {
  const engine = await openEngine({
    model: { folder: modelDirectory },
    pruning: { plan: presetPlan('transprune-high', layers).plan },
    backend: nodeBackend,
    open: openModel,
  });
  const right = new Map(
    data.samples.flatMap(({ image, questions }) =>
      questions.map(({ question, answer }) => [`${image} ${question}`, answer] as const),
    ),
  );
  const wrong: string[] = [];
  for (const { path, questions } of samples) {
    const image = path.replace('samples/', '');
    expect(questions.length).toBeGreaterThan(4);
    for (const question of questions) {
      const images = [join(samplesDirectory, image)];
      const { text } = await collect(engine.generate({ question, images }));
      if (text !== right.get(`${image} ${question}`)) wrong.push(`${image} ${question} ${text}`);
    }
  }
  await engine.dispose();
  expect(wrong).toEqual([]);
});
