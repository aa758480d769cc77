import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alteredDecoder, dataName, officialDecoder } from '../../testing/models.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

test('a decoder that can be pruned', async () => {
  expect(await transpruneJson('inspect', officialDecoder)).toMatchObject({
    path: officialDecoder,
    prunable: true,
    reason: null,
    layers: 14,
    hiddenSize: 64,
    heads: 4,
    kvHeads: 4,
    headDim: 16,
    intermediateSize: 172,
    vocabularySize: 128,
    attentionFamily: 'group-query-attention',
    exporterFamily: 'onnxruntime-genai',
    externalData: [dataName],
    plan: null,
  });
  const { stdout } = await transprune('inspect', officialDecoder);
  expect(stdout).toMatch(/prunable .* yes /);
});

describe('a model that cannot be pruned is described all the same', () => {
  test('one without cache inputs', async () => {
    const path = await alteredDecoder(await temporaryFolder(), ({ graph }) => {
      if (graph) graph.input = graph.input.filter(({ name }) => !name.startsWith('past_'));
    });
    const document = await transpruneJson('inspect', path);
    expect(document).toMatchObject({ prunable: false, layers: null, hiddenSize: 64 });
    expect(document.reason).toMatch(/past_key_values/);
    const { exitCode, stdout } = await transprune('inspect', path);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toContain(`Not prunable: ${document.reason}`);
  });

  test('one that is pruned already', async () => {
    const path = join(await temporaryFolder(), 'pruned.onnx');
    await transprune('prune', officialDecoder, '-o', path);
    const document = await transpruneJson('inspect', path);
    expect(document).toMatchObject({ prunable: false, plan: { method: 'transprune' } });
    expect(document.reason).toMatch(/pruned already/);
  });
});

test('a file that is not there', async () => {
  const { exitCode, stderr } = await transprune('inspect', '/nowhere/model.onnx');
  expect(exitCode).toBe(exitCodes.notFound);
  expect(stderr).toContain('/nowhere/model.onnx');
});
