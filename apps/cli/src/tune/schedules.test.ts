import { join } from 'node:path';
import { readModelFile } from '@transprune/files/node';
import { readDecoder } from '@transprune/onnx';
import { modelDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import { decoderCosting } from '../model/costing.js';
import { costOf, schedulesFor } from './schedules.js';

test('of what saves nothing no random twin is asked for', async () => {
  const graph = await readModelFile(join(modelDirectory, 'onnx/decoder_model_merged.onnx'));
  const decoder = readDecoder(graph);
  const decoding = {
    decoder,
    costing: decoderCosting('small', decoder, { imageTokens: 1, textTokens: 64 }),
  };
  const reduction = { method: 'downsample', tokens: 1 } as const;
  const options = { method: 'transprune', costs: [0.5], reduction } as const;
  const { schedules, leftOut } = schedulesFor(decoding, options);
  const costs = schedules.map(({ plan, reduction }) => costOf(decoding, plan, reduction));
  expect(Math.min(...costs)).toBeGreaterThanOrEqual(1);
  expect(schedules.map(({ name }) => name)).toEqual([
    'transprune-high',
    'transprune-low',
    'downsample to 1',
  ]);
  // Nothing comes to half of the cost.
  expect(leftOut.length).toBeGreaterThan(0);
});
