/** Options of a plan are told apart in every command that takes them. */
import { join } from 'node:path';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { temporaryFolder, transprune } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const decoder = join(modelDirectory, 'onnx/decoder_model_merged.onnx');
const picture = join(samplesDirectory, 'scene-1.png');
const asked = [picture, 'what is it?'];

test.each([
  ['prune', [decoder, '-o', 'FOLDER/pruned.onnx']],
  ['inspect', [decoder]],
  ['bench', []],
  ['run', asked],
  ['chat', [picture]],
  ['visualize', [...asked, '-o', 'FOLDER/report.html']],
  ['export', ['triton', modelDirectory, '-o', 'FOLDER/exported']],
  ['evaluate', ['--scenes', '1']],
  ['eval', ['embedded', '--answers', 'FOLDER/answers.jsonl']],
])('%s: an option that says nothing to the method', async (command, parameters) => {
  const folder = await temporaryFolder();
  const placed = parameters.map((parameter) => parameter.replace('FOLDER', folder));
  const plan = ['--method', 'random', '--direction', 'cos'];
  const { exitCode, stderr } = await transprune(command, ...placed, ...plan);
  expect(stderr).toMatch(/^error: --direction is for .* got it with random, which does not/m);
  expect(exitCode).toBe(exitCodes.usage);
});
