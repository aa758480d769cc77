import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as core from '@transprune/core';
import * as embeddedModel from '@transprune/embedded-model';
import { runExample, temporaryFolder } from '@transprune/fixtures/vitest';
import * as onnx from '@transprune/onnx';
import { expect, test } from 'vitest';
import * as filesNode from './node/index.js';

test('the example prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    'node:path': path,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/files/node': filesNode,
  });
  expect(printed).toBe(expected);
});

test("the project's README prunes a decoder as it says", async () => {
  const [, section = ''] = readFileSync(
    new URL('../../../README.md', import.meta.url),
    'utf8',
  ).split('## Prune a decoder');
  const { modelDirectory } = embeddedModel;
  const example = section
    .replace(
      "'decoder_model_merged.onnx'",
      JSON.stringify(path.join(modelDirectory, 'onnx/decoder_model_merged.onnx')),
    )
    .replace("'pruned.onnx'", JSON.stringify(path.join(await temporaryFolder(), 'pruned.onnx')));
  const { printed, expected } = await runExample(example, {
    '@transprune/core': core,
    '@transprune/files/node': filesNode,
    '@transprune/onnx': onnx,
  });
  expect(printed).toBe(expected);
});
