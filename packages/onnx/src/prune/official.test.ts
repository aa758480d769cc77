import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPlan } from '@transprune/core';
import {
  maxDifference,
  type OfficialCaseName,
  officialCase,
  officialEmbeddings,
  officialFile,
  officialImageMask,
  openDecoder,
} from '@transprune/fixtures';
import { afterAll, describe, expect, test } from 'vitest';
import { readDecoder } from '../decoder/read.js';
import { decodeModel, encodeModel, type OnnxModel } from '../model/codec.js';
import { pruneModel } from './prune.js';

const original = decodeModel(readFileSync(officialFile('group-query-attention/model.onnx')));
const sizes = { layers: 14, kvHeads: 4, headDim: 16 };
const vocabulary = 128;
const hidden = 64;
const embeddings = officialEmbeddings();

// Weights have to lie in the model's folder.
const folder = mkdtempSync(join(tmpdir(), 'transprune-'));
copyFileSync(
  officialFile('group-query-attention/model.onnx.data'),
  join(folder, 'model.onnx.data'),
);
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
function open(model: OnnxModel) {
  const path = join(folder, `${files++}.onnx`);
  writeFileSync(path, encodeModel(model));
  return openDecoder(path, sizes);
}
const lastRow = (logits: Float32Array) => logits.slice(-vocabulary);

test('the structure is read', () => {
  expect(readDecoder(original)).toMatchObject({
    attentionFamily: 'group-query-attention',
    hiddenSize: 64,
    intermediateSize: 172,
    vocabularySize: 128,
    attention: { heads: 4, kvHeads: 4, headDim: 16, scale: 0.25 },
  });
  expect(readDecoder(original).layers).toHaveLength(14);
});

describe.each<OfficialCaseName>(['high', 'low', 'late-image'])('official case %s', (name) => {
  const official = officialCase(name);
  const imageMask = officialImageMask(official);
  const plan = createPlan({
    accumulateLayers: official.accumulateLayers,
    stages: official.pruneLayers.map((afterLayer, i) => ({
      afterLayer,
      keepRatio: official.keepRatios[i] ?? 1,
    })),
  });

  test('scores, kept tokens, logits, decoding steps and cache lengths', async () => {
    const decoder = await open(pruneModel(original, plan, { trace: true }).model);
    let step = await decoder.step(official.inputsEmbeds, imageMask);
    let before = imageMask.map((_, i) => i);
    official.stages.forEach((stage, index) => {
      const score = step.extra[`pruning.score.${index}`]!;
      expect(score).toHaveLength(stage.tokensBefore);
      const isImage = (i: number) => imageMask[before[i]!] === 1;
      expect(
        maxDifference(
          score.filter((_, i) => isImage(i)),
          stage.score,
        ),
      ).toBeLessThan(1e-5);
      expect(score.filter((s, i) => !isImage(i) && s !== 0)).toEqual([]);
      const kept = step.extra[`pruning.kept.${index}`]!;
      expect(kept.filter((i) => imageMask[i] === 1)).toEqual(stage.keptImageOriginal);
      expect(kept).toEqual([...kept].sort((a, b) => a - b));
      before = kept;
    });
    expect(step.logitsShape).toEqual([1, official.prefillKeptLength, vocabulary]);
    expect(maxDifference(lastRow(step.logits), official.prefillLastLogits)).toBeLessThan(1e-4);
    for (const { token, logits } of official.decode) {
      step = await decoder.step(embeddings.slice(token * hidden, (token + 1) * hidden));
      expect(maxDifference(step.logits, logits)).toBeLessThan(1e-4);
    }
    expect(step.cacheLengths).toEqual(official.kvLengths);
  });

  test('keep ratio 1 and a prompt without image give the unpruned logits', async () => {
    const unpruned = await (await open(original)).step(official.inputsEmbeds);
    expect(maxDifference(lastRow(unpruned.logits), official.unprunedLastLogits)).toBeLessThan(1e-4);
    const all = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, keepRatio: 1 })) };
    const kept = await (await open(pruneModel(original, all).model)).step(
      official.inputsEmbeds,
      imageMask,
    );
    expect(maxDifference(kept.logits, unpruned.logits)).toBeLessThan(1e-4);
    const text = await (await open(pruneModel(original, plan).model)).step(official.inputsEmbeds);
    expect(maxDifference(text.logits, unpruned.logits)).toBeLessThan(1e-4);
  });
});
