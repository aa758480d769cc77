/** Options of `serve` that are refused before anything is loaded. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { expect, onTestFinished, test } from 'vitest';
import { addServeCommand } from './serve.js';

test.each<[string, string | undefined, RegExp]>([
  ['is not there', undefined, /which cannot be read \(ENOENT\)$/],
  ['has no key', ' \n\n', /which has none$/],
])('a file of keys that %s', async (_, text, expected) => {
  const folder = await mkdtemp(join(tmpdir(), 'transprune-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'keys');
  if (text !== undefined) await writeFile(file, text);
  const { signal } = new AbortController();
  const program = new Command().exitOverride();
  addServeCommand(program, { stdout: process.stdout, env: {}, signal });
  const serving = program.parseAsync(['serve', '--api-keys', file], { from: 'user' });
  await expect(serving).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(expected),
  });
});
