import { expect, onTestFinished, test, vi } from 'vitest';
import { capturingIo, transpruneWith } from '../../testing/program.js';
import { createProgram } from '../main.js';
import { candidates } from './candidates.js';

const program = createProgram(capturingIo());
const namesFor = (line: string) => {
  const words = line.split(' ');
  return candidates(program, words.slice(0, -1), words.at(-1) ?? '')?.map(({ name }) => name);
};

test.each([
  ['commands', 'transprune pr', ['prune']],
  ['options of a command', 'transprune run --te', ['--temperature']],
  ['options after arguments', 'transprune run a.png what --sy', ['--system']],
  [
    'values of an option',
    'transprune run --preset transprune-',
    ['transprune-high', 'transprune-low'],
  ],
  [
    'values after an equals sign',
    'transprune run --preset=tra',
    ['--preset=transprune-high', '--preset=transprune-low'],
  ],
  [
    'all values after an equals sign',
    'transprune prune --cache=',
    ['--cache=growing', '--cache=fixed'],
  ],
  ['options after one with an equals sign', 'transprune run --preset=none --te', ['--temperature']],
  ['arguments of a fixed choice', 'transprune completion ', ['bash', 'zsh', 'fish']],
  ['options of a command of a command', 'transprune eval worker --id', ['--idle']],
  ['options of the program', 'transprune --ver', ['--version']],
  ['nothing', 'transprune run --zzz', []],
])('%s', (_, line, expected) => {
  expect(namesFor(line)).toEqual(expected);
});

test.each([
  ['an argument', 'transprune run sce'],
  ['the value of an option', 'transprune prune a.onnx -o '],
])('%s is a path', (_, line) => {
  expect(namesFor(line)).toBeUndefined();
});

test('hidden commands are not offered', () => {
  expect(namesFor('transprune comp')).toEqual(['completion']);
});

test.each([
  ['zsh', 'plan:Show where'],
  ['fish', 'plan\tShow where'],
])('%s is told what each is for', async (shell, expected) => {
  const env = { SHELL: shell, COMP_CWORD: '1' };
  const words = ['completion-server', '--', 'transprune', 'pl'];
  const { exitCode, stdout } = await transpruneWith({ env }, ...words);
  expect(stdout).toContain(expected);
  expect(exitCode).toBe(0);
});

test.each([
  ['in a word with it', ['run', '--preset=tra'], 2],
  ['as bash splits it', ['run', '--preset', '=', 'tra'], 4],
  ['nothing after it', ['run', '--preset', '='], 3],
])('bash is given what follows an equals sign: %s', async (_, words, at) => {
  const env = { SHELL: 'bash', COMP_CWORD: `${at}` };
  const line = ['completion-server', '--', 'transprune', ...words];
  vi.stubEnv('COMP_LINE', `transprune ${words.join(' ').replace(/ ?= ?/, '=')}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  const { stdout } = await transpruneWith({ env }, ...line);
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(['transprune-high', 'transprune-low']));
  expect(stdout).not.toContain('--');
});

test('zsh is asked for paths', async () => {
  const env = { SHELL: 'zsh', COMP_CWORD: '3' };
  const words = ['completion-server', '--', 'transprune', 'run', '--decoder', ''];
  expect(await transpruneWith({ env }, ...words)).toMatchObject({
    stdout: '__tabtab_complete_files__\n',
  });
});
