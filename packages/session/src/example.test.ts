import { readFileSync } from 'node:fs';
import * as core from '@transprune/core';
import { runExample } from '@transprune/fixtures/vitest';
import { expect, test } from 'vitest';
import * as session from './index.js';

test('the example prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    '@transprune/core': core,
    '@transprune/session': session,
  });
  expect(printed).toBe(expected);
});
