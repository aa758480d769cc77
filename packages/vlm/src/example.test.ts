import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as backendNode from '@transprune/backend-node';
import * as core from '@transprune/core';
import * as embeddedModel from '@transprune/embedded-model';
import * as filesNode from '@transprune/files/node';
import { runExample } from '@transprune/fixtures/vitest';
import { expect, test } from 'vitest';
import * as vlm from './index.js';

test('the example prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    'node:path': path,
    '@transprune/backend-node': backendNode,
    '@transprune/core': core,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/files/node': filesNode,
    '@transprune/vlm': vlm,
  });
  expect(printed).toBe(expected);
});
