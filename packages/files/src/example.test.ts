import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as embeddedModel from '@transprune/embedded-model';
import { runExample } from '@transprune/fixtures/vitest';
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
