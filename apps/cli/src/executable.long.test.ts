/** The executable as users start it: a process of its own, on what was built. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, stat, symlink } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { executable, measured, start } from '../testing/executable.js';
import {
  copyDecoderWithLargeData,
  dataName,
  decoderWithInlineWeights,
  deepDecoder,
} from '../testing/models.js';
import { temporaryFolder } from '../testing/program.js';
import { exitCodes } from './exit-codes.js';

const mostMemory = 300e6;
const dataBytes = 6 * 2 ** 30;
/** What Node, the libraries and the small model file come to; far below the data file. */
const mostRead = 150e6;

describe('prune with a data file of several gigabytes', () => {
  test.each([
    ['beside it', '', 'inside'],
    ['in another folder', 'elsewhere', 'linked'],
  ])('%s: little memory, no read of the data', async (_, below, placement) => {
    const folder = await temporaryFolder();
    const input = await copyDecoderWithLargeData(folder, dataBytes);
    await mkdir(join(folder, below), { recursive: true });
    const output = join(folder, below, 'pruned.onnx');
    const { outcome, usage } = await measured(folder, [
      'prune',
      input,
      '-o',
      output,
      '--no-check',
      '--json',
    ]);
    expect(outcome).toMatchObject({ exitCode: exitCodes.ok });
    const { externalData } = JSON.parse(outcome.stdout) as { externalData: object[] };
    expect(externalData).toEqual([{ data: join(folder, dataName), location: dataName, placement }]);
    expect(usage.residentBytes).toBeLessThan(mostMemory);
    if (usage.readBytes !== null) expect(usage.readBytes).toBeLessThan(mostRead);
    expect((await stat(output)).size).toBeLessThan(1e6);
    // Still a hole: nobody filled it in.
    expect((await stat(join(folder, below, dataName))).blocks * 512).toBeLessThan(100e6);
  });
});

test('thousands of nodes and 14 GB of weights: under 300 MB', async () => {
  const folder = await temporaryFolder();
  const { path, nodes } = await deepDecoder(folder, 160, 14e9);
  expect(nodes).toBeGreaterThan(4000);
  const output = join(folder, 'pruned.onnx');
  const { outcome, usage } = await measured(folder, [
    'prune',
    path,
    '-o',
    output,
    '--no-check',
    '--json',
  ]);
  expect(outcome).toMatchObject({ exitCode: exitCodes.ok });
  expect(usage.residentBytes).toBeLessThan(mostMemory);
});

test('weights inside the file are there once while it is rewritten', async () => {
  const folder = await temporaryFolder();
  const weights = 2 ** 29;
  const input = await decoderWithInlineWeights(folder, weights);
  const output = join(folder, 'pruned.onnx');
  const { outcome, usage } = await measured(folder, ['prune', input, '-o', output, '--no-check']);
  expect(outcome).toMatchObject({ exitCode: exitCodes.ok });
  expect((await stat(output)).size).toBeGreaterThan(weights);
  expect(usage.residentBytes).toBeLessThan(weights + mostMemory);
});

test('data and messages are kept apart, and the exit code is the process’s', async () => {
  const good = await start(['plan', '--model', 'smolvlm-256m', '--json']).outcome;
  expect(good.exitCode).toBe(exitCodes.ok);
  expect(JSON.parse(good.stdout)).toMatchObject({ model: 'smolvlm-256m' });
  expect(good.stderr).toContain('scaled to 30');
  const bad = await start(['inspect', '/nowhere/model.onnx']).outcome;
  expect(bad).toMatchObject({ exitCode: exitCodes.notFound, stdout: '' });
});

test('what drivers of devices write is not among the words of doctor', async () => {
  const { stdout, stderr } = await start(['doctor']).outcome;
  expect(stdout).toMatch(/^cpu: works$/m);
  expect(stderr).toBe('running a tiny decoder on every device\n');
});

test('bash completes what the script tells it', async () => {
  const bin = await temporaryFolder();
  await symlink(executable, join(bin, 'transprune'));
  const script = `
    source <(transprune completion bash)
    complete_line() {
      COMP_LINE="$*" COMP_POINT=\${#COMP_LINE} COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      COMPREPLY=()
      _transprune_completion
      echo "\${COMPREPLY[*]}"
    }
    complete -p transprune
    complete_line transprune pr
    complete_line transprune run a.png --preset transprune-
    complete_line transprune run sc`;
  const path = `${bin}${delimiter}${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
  const { stdout } = await promisify(execFile)('bash', ['--norc', '-c', script], {
    env: { ...process.env, PATH: path },
  });
  expect(stdout.split('\n')).toEqual([
    'complete -o default -F _transprune_completion transprune',
    'prune',
    'transprune-high transprune-low',
    '',
    '',
  ]);
});

test('an interruption leaves no temporary files', async () => {
  const temporary = await temporaryFolder();
  const { child, outcome } = start(['bench', '--synthetic', 'smollm2-135m', '--runs', '1000'], {
    env: { TMPDIR: temporary },
  });
  const written = async () => {
    const [folder] = await readdir(temporary);
    return folder !== undefined && (await readdir(join(temporary, folder))).length > 0;
  };
  while (child.exitCode === null && !(await written())) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill('SIGINT');
  const { exitCode, stdout, stderr } = await outcome;
  expect(exitCode).toBe(exitCodes.interrupted);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/error: interrupted\n$/);
  expect(await readdir(temporary)).toEqual([]);
});
