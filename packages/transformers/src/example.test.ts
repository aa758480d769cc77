import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as library from '@huggingface/transformers';
import * as embeddedModel from '@transprune/embedded-model';
import { runExample } from '@transprune/fixtures/vitest';
import * as transformers from '@transprune/transformers';
import { expect, test } from 'vitest';
import { useOwnCache } from '../testing/cache.js';

useOwnCache();

test('the example prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    'node:path': path,
    '@huggingface/transformers': library,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/transformers': transformers,
  });
  expect(printed).toBe(expected);
});
