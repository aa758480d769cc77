import * as fs from 'node:fs';
import * as path from 'node:path';
import * as embeddedModel from '@transprune/embedded-model';
import { runExample } from '@transprune/fixtures/vitest';
import pino from 'pino';
import { expect, test } from 'vitest';
import { program } from '../testing/server.js';
import { defaultLimits } from './limits/limits.js';
import { createServerIn } from './server.js';

const readme = fs.readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example prints what it says', async () => {
  const programs = {
    engine: await program('engine/engine-process'),
    image: await program('images/image-process'),
  };
  const log = pino({ level: 'silent' });
  const { printed, expected } = await runExample(readme, {
    'node:fs': fs,
    'node:path': path,
    '@transprune/embedded-model': embeddedModel,
    '@transprune/server': { createServer: () => createServerIn({ log }, { programs }) },
  });
  expect(printed).toBe(expected);
});

test('names every limit', () => {
  const table = readme.slice(readme.indexOf('## Limits'));
  for (const name of Object.keys(defaultLimits)) expect(table).toContain(`\`${name}\``);
});
