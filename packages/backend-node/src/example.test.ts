import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as core from '@transprune/core';
import * as embeddedModel from '@transprune/embedded-model';
import { runExample } from '@transprune/fixtures/vitest';
import * as session from '@transprune/session';
import { expect, test } from 'vitest';
import * as backendNode from './index.js';

test('the example prints what it says', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const { printed, expected } = await runExample(readme, {
    'node:path': path,
    '@transprune/backend-node': backendNode,
    '@transprune/core': core,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/session': session,
  });
  expect(printed).toBe(expected);
});
