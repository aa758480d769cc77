/** The README's examples print what it says. Blocks of `text` differ from time to time. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { transprune } from '../testing/program.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```console\n\$ transprune (.*)\n([\s\S]*?)```/g)].map(
  ([, command = '', output = '']) => ({ command, output }),
);

beforeAll(() => {
  const before = process.cwd();
  process.chdir(fileURLToPath(new URL('../../../', import.meta.url)));
  return () => process.chdir(before);
});

test.each(examples)('transprune $command', async ({ command, output }) => {
  expect(await transprune(...command.split(' '))).toEqual({
    exitCode: 0,
    stdout: output,
    stderr: '',
  });
});
