/** What `prune` does where the surgery is wrong: nothing is written, and the checks that fail are named. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { exportedDecoder } from '@transprune/fixtures';
import type * as onnx from '@transprune/onnx';
import type { VerifyCheck } from '@transprune/verify';
import { beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder, transprune } from '../../testing/program.js';
import { type Fault, faults } from '../../testing/sabotage.js';
import { exitCodes } from '../exit-codes.js';

const broken = vi.hoisted(() => ({ by: undefined as Fault | undefined }));

vi.mock('@transprune/onnx', async (original) => {
  const actual = await original<typeof onnx>();
  const pruneModel: typeof actual.pruneModel = (model, plan, options) => {
    const pruned = actual.pruneModel(model, plan, options);
    const { graph } = pruned.model;
    if (broken.by && graph && !options?.constantIndices) faults[broken.by](graph);
    return pruned;
  };
  return { ...actual, pruneModel };
});

let folder: string;
let output: string;

beforeEach(async () => {
  broken.by = undefined;
  folder = await temporaryFolder();
  output = join(folder, 'pruned.onnx');
});

const stages = ['--accumulate', '1-2', '--prune-after', '1,2', '--keep', '.5,.25'];

/** A decoder whose positions are an input, with its weights. */
async function copyExport(): Promise<string> {
  const { path } = exportedDecoder('llama', 'dynamo-23');
  await copyFile(path, join(folder, 'model.onnx'));
  await copyFile(join(dirname(path), 'weights.bin'), join(folder, 'weights.bin'));
  return join(folder, 'model.onnx');
}

test.each<[Fault, string[], ...parameters: string[]]>([
  ['positions counted twice', ['all kept: decoding']],
  ['positions of the score counted twice', ["the score's attention is the layer's"]],
  ['ranked upside down', ['kept tokens']],
  ['another formula', ['scores']],
  ['rows out of place', ['all kept: the prompt']],
  [
    "positions of another layer's cache",
    ['decoding is a fresh prompt of the kept tokens'],
    '--verify',
  ],
])('%s', async (fault, expected, ...parameters) => {
  const input = await copyExport();
  await writeFile(output, 'what was here before');
  broken.by = fault;
  const call = ['prune', input, '-o', output, ...stages, ...parameters, '--force', '--json'];
  const { exitCode, stdout, stderr } = await transprune(...call);
  expect(exitCode).toBe(exitCodes.verificationFailed);
  const { error } = JSON.parse(stdout);
  expect(error).toMatchObject({ code: 'VERIFICATION_FAILED', exitCode: 4 });
  const failed = (error.data.checks as VerifyCheck[])
    .filter(({ passed }) => !passed)
    .map(({ name }) => name);
  expect(failed).toEqual(expect.arrayContaining(expected));
  for (const name of failed) expect(stderr).toMatch(new RegExp(`${name} .* FAILED`));
  expect(stderr).toContain(`fails ${failed.length} of ${error.data.checks.length} (`);
  expect(await readFile(output, 'utf8')).toBe('what was here before');
  expect((await readdir(folder)).sort()).toEqual(['model.onnx', 'pruned.onnx', 'weights.bin']);
});

test('a fault that needs a shorter cache is not seen where everything is kept', async () => {
  const input = await copyExport();
  broken.by = "positions of another layer's cache";
  const { stderr } = await transprune('prune', input, '-o', output, ...stages, '--verify');
  expect(stderr).toMatch(/all kept: decoding .* ok /);
});
