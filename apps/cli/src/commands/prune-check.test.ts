/** Quick checks and `--verify`: what passes is written, what does not is not, with the checks that fail. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { readModelFile } from '@transprune/files/node';
import { readPlan } from '@transprune/onnx';
import { openSession } from '@transprune/session';
import type { VerifyCheck } from '@transprune/verify';
import { beforeEach, describe, expect, test } from 'vitest';
import { copyDecoder, copyDecoderWithLargeData, dataName } from '../../testing/models.js';
import { capturingIo, temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';
import { main } from '../main.js';

let folder: string;
let output: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  output = join(folder, 'pruned.onnx');
});

describe('a decoder that passes', () => {
  test('is written, with the report', async () => {
    const input = await copyDecoder(folder);
    const document = await transpruneJson('prune', input, '-o', output, '--verify');
    expect(document.verification).toMatchObject({ passed: true, precision: 'float32' });
    const { checks } = document.verification as { checks: VerifyCheck[] };
    expect(checks.map(({ name }) => name)).toContain('kept tokens');
    expect(checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(readPlan(await readModelFile(output))).toEqual(document.plan);
    expect((await readdir(folder)).sort()).toEqual(['model.onnx', dataName, 'pruned.onnx']);
    await (await openSession(nodeBackend, { path: output }, 'cpu')).dispose();
  });

  test('is the file that is written without', async () => {
    const input = await copyDecoder(folder);
    await transprune('prune', input, '-o', output);
    const plain = await readFile(output);
    const parameters = ['--verify', '--force'];
    const { stdout, stderr } = await transprune('prune', input, '-o', output, ...parameters);
    expect(plain.equals(await readFile(output))).toBe(true);
    expect(stdout).toMatch(/verified on cpu, float32 .* difference .* at most/);
    expect(stdout).toMatch(/decoding is a fresh prompt of the kept tokens .* ok /);
    expect(stderr).toContain('verifying the pruned decoder against the original\n');
  });

  test('is linked to weights elsewhere', async () => {
    const input = await copyDecoder(await temporaryFolder());
    const document = await transpruneJson('prune', input, '-o', output, '--verify');
    expect(document.externalData).toMatchObject([{ location: dataName, placement: 'linked' }]);
    expect((await readdir(folder)).sort()).toEqual([dataName, 'pruned.onnx']);
  });

  test('is verified without a file by --dry-run', async () => {
    const input = await copyDecoder(folder);
    const document = await transpruneJson('prune', input, '-o', output, '--verify', '--dry-run');
    expect(document).toMatchObject({ output: null, verification: { passed: true } });
    expect((await readdir(folder)).sort()).toEqual(['model.onnx', dataName]);
  });
});

describe('the quick check', () => {
  test('runs unless it is told not to, says so, and is in the report', async () => {
    const input = await copyDecoder(folder);
    const checked = await transpruneJson('prune', input, '-o', output);
    expect(checked.verification).toMatchObject({ passed: true, quick: true });
    const { stderr } = await transprune('prune', input, '-o', output, '--force');
    expect(stderr).toMatch(/checking the pruned decoder .* \(--verify .*, --no-check .*\)\n/);
    const plain = await readFile(output);
    const parameters = ['--no-check', '--force'];
    const unchecked = await transpruneJson('prune', input, '-o', output, ...parameters);
    expect(unchecked.verification).toBeNull();
    expect(plain.equals(await readFile(output))).toBe(true);
  });

  test('counts its steps on a terminal', async () => {
    const input = await copyDecoder(folder);
    const io = capturingIo();
    const stderr = { ...io.stderr, isTTY: true };
    await main(['prune', input, '-o', output], { ...io, stderr });
    expect(io.stderr.text()).toMatch(/check 1 of 4.*check 4 of 4, \d+ s left/s);
  });

  test.each([
    [['--no-check', '--verify'], /'--verify' cannot be used with option '--no-check'/],
    [
      ['--no-check', '--device', 'cpu'],
      /'--no-check' cannot be used with option '--device <name>'/,
    ],
  ])('%j is refused', async (parameters, message) => {
    const input = await copyDecoder(folder);
    const { exitCode, stderr } = await transprune('prune', input, '-o', output, ...parameters);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(exitCodes.usage);
  });

  test('is left out, aloud, where the weights are too large for seconds', async () => {
    const input = await copyDecoderWithLargeData(folder, 5e9);
    const document = await transprune('prune', input, '-o', output, '--json');
    expect(document.stderr).toMatch(/warning: not checked: with 5\.00 GB of weights/);
    expect(JSON.parse(document.stdout)).toMatchObject({ output, verification: null });
  });
});

test('a device that does not work', async () => {
  const input = await copyDecoder(folder);
  const parameters = ['--verify', '--device', 'dml'];
  const { exitCode, stderr } = await transprune('prune', input, '-o', output, ...parameters);
  expect(exitCode).toBe(exitCodes.failure);
  expect(stderr).toContain('device dml');
  expect((await readdir(folder)).sort()).toEqual(['model.onnx', dataName]);
});

test("the model's weights are no target", async () => {
  const input = await copyDecoder(folder);
  const weights = join(folder, dataName);
  const { exitCode, stderr } = await transprune('prune', input, '-o', weights, '--verify');
  expect(exitCode).toBe(exitCodes.usage);
  expect(stderr).toContain('expected another file than');
});

test('an interruption leaves nothing', async () => {
  const input = await copyDecoder(folder);
  for (const delay of [50, 300]) {
    const interruption = new AbortController();
    const io = capturingIo(interruption.signal);
    const running = main(['prune', input, '-o', output, '--verify'], io);
    setTimeout(() => interruption.abort(), delay);
    expect([exitCodes.ok, exitCodes.interrupted]).toContain(await running);
    const others = (await readdir(folder)).filter((name) => name !== 'pruned.onnx');
    expect(others.sort()).toEqual(['model.onnx', dataName]);
    await rm(output, { force: true });
  }
});
