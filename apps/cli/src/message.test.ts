import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkKeepRatios, TransPruneError } from '@transprune/core';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { copyDecoder } from '../testing/models.js';
import { capturingIo, temporaryFolder, transprune } from '../testing/program.js';
import { createProgram } from './main.js';
import { messageOf, withOptions } from './message.js';

const decoder = join(modelDirectory, 'onnx/decoder_model_merged.onnx');
const llava = ['plan', '--model', 'llava-1.5-7b'];
const stages = ['--prune-after', '7', '--keep', '.5'];

test.each([
  [
    'a floor alone',
    [...llava, '--keep-floor', '.5'],
    '.* --keep-mass or a budget with --keep-floor',
  ],
  [
    'a budget out of reach',
    [...llava, ...stages, '--keep-average', '.0001'],
    '\\(--keep-average from ',
  ],
  ['FLOPs out of reach', [...llava, '--budget-tflops', '.1'], '\\(--budget-tflops from '],
  ['a gain out of reach', [...llava, '--speedup', '99'], '\\(--speedup from '],
  ['layers', [...llava, ...stages, '--accumulate', '7', '--method', 'dash'], '--accumulate is for'],
])('%s is told in options of the program', async (_, parameters, message) => {
  const { stderr } = await transprune(...parameters);
  expect(stderr).toMatch(new RegExp(`^error: .*${message}`));
  // A name of a field, which is none of a file.
  expect(stderr).not.toMatch(/[a-z][A-Z]/);
});

test('what may be replaced is replaced with --force', async () => {
  const folder = await temporaryFolder();
  const there = await copyDecoder(folder);
  const { stderr } = await transprune('prune', decoder, '-o', there);
  expect(stderr).toBe(
    `error: expected a free name to write to, got ${there}, which is there already; choose another name, or replace it with --force\n`,
  );
});

const told = (error: unknown) => withOptions(error, createProgram(capturingIo()));

test('the field that an error names is an option, though it is a word; what else is said stays', () => {
  const fault = (field: string) =>
    new TransPruneError('INVALID_PLAN', 'expected a direction of speedup, got ./speedup', {
      field,
    });
  expect(told(fault('speedup'))).toBe('expected a direction of --speedup, got ./speedup');
  expect(told(fault('direction'))).toBe('expected a --direction of speedup, got ./speedup');
  for (const field of ['constructor', 'expected', 'stages']) {
    expect(told(fault(field))).toBe('expected a direction of speedup, got ./speedup');
  }
});

test('fields of calls become options, names of files stay', () => {
  const fault = (ratios: number[]) => {
    try {
      return `${checkKeepRatios(ratios, 3)}`;
    } catch (error) {
      return messageOf(error);
    }
  };
  expect(told(fault([0.5]))).toMatch(/^--keep-ratios must be 3 numbers, /);
  expect(told('prune it with runtimeRatios, or leave keepRatios out')).toBe(
    'prune it with --runtime-ratios, or leave --keep-ratios out',
  );
  for (const path of ['maxNewTokens.onnx', './maxNewTokens/a', 'a-maxNewTokens', 'C:\\keepMass']) {
    expect(told(`got ${path}, no file`)).toBe(`got ${path}, no file`);
  }
});

test('a model whose image token nobody names is told where to name it', async () => {
  const folder = await temporaryFolder();
  await cp(modelDirectory, folder, { recursive: true });
  const path = join(folder, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8'));
  const { image_token_id: _, image_token_index: __, ...rest } = config;
  await writeFile(path, JSON.stringify(rest));
  const picture = join(samplesDirectory, 'scene-1.png');
  const { stderr } = await transprune('run', picture, 'what is it?', '--model', folder);
  expect(stderr).toMatch(/found neither; add image_token_id to it\n$/);
});

test('an error of the system that nobody thought of has words too', async () => {
  const gone = await readFile('/nowhere/at/all').catch((error: unknown) => error);
  expect(messageOf(gone)).toBe(
    'expected to use /nowhere/at/all, got no such file or folder; check the path and what lies there',
  );
});

test('the word in front of all errors stands once', () => {
  for (const said of ['error: no', 'Error: no', 'no']) {
    expect(messageOf(new Error(said))).toBe('no');
  }
  expect(messageOf('no')).toBe('no');
});
