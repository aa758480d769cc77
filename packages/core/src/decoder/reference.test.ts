import {
  type OfficialCaseName,
  officialCase,
  officialCheckpoint,
  officialEmbeddings,
  officialImageMask,
  officialPlan,
} from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { arrayAlgebra } from '../algebra/arrays.js';
import { ndarray } from '../algebra/ndarray.js';
import { normalizeOverImage } from '../methods/method.js';
import { createPlan } from '../plan/plan.js';
import { decoderConfig } from './config.js';
import { runReference } from './reference.js';
import { readSafetensors } from './safetensors.js';

const checkpoint = officialCheckpoint();
const config = decoderConfig(checkpoint.config);
const weights = readSafetensors(checkpoint.bytes);
const embeddings = officialEmbeddings();

function lastRow(logits: { data: Float64Array }): Float64Array {
  return logits.data.slice(-config.vocabularySize);
}

describe.each<OfficialCaseName>(['high', 'low', 'late-image'])('official case %s', (name) => {
  const official = officialCase(name);
  const imageMask = officialImageMask(official);
  const inputsEmbeds = ndarray(official.inputsEmbeds, official.inputsEmbedsShape);
  const plan = createPlan(officialPlan(official));
  const prefill = runReference(config, weights, { inputsEmbeds, imageMask, plan });

  test.each(official.stages.map((stage, index) => ({ stage, index })))(
    'stage $index: signals, scores and kept tokens',
    ({ stage, index }) => {
      const trace = prefill.stages[index]!;
      const mask = trace.imageMask;
      const imageColumns = (values: Float64Array) => [...values].filter((_, i) => mask[i] === 1);
      const normalized = (values: Float64Array) => {
        const shape = [1, values.length];
        const masked = normalizeOverImage(
          arrayAlgebra,
          ndarray(values, shape),
          ndarray(mask, shape),
        );
        return imageColumns(masked.data);
      };
      const { transition, instructionAttention } = trace.signals;
      expect(normalized(transition!)).toBeAllclose(stage.ttvNormalized, { atol: 1e-5 });
      expect(normalized(instructionAttention!)).toBeAllclose(stage.igaNormalized, { atol: 1e-5 });
      expect(imageColumns(trace.score)).toBeAllclose(stage.score, { atol: 1e-5 });
      expect(trace.kept.filter((i) => imageMask[i] === 1)).toEqual(stage.keptImageOriginal);
      expect(trace.kept.filter((i) => imageMask[i] === 0)).toHaveLength(
        official.sequenceLength - official.imageTokens,
      );
    },
  );

  test('last logits, decoding steps and cache lengths', () => {
    expect(prefill.logits.shape[1]).toBe(official.prefillKeptLength);
    expect(lastRow(prefill.logits)).toBeAllclose(official.prefillLastLogits, { atol: 1e-4 });
    let { cache } = prefill;
    for (const { token, logits } of official.decode) {
      const row = embeddings.slice(token * config.hiddenSize, (token + 1) * config.hiddenSize);
      const step = runReference(config, weights, {
        inputsEmbeds: ndarray(row, [1, 1, config.hiddenSize]),
        cache,
        plan,
      });
      expect(lastRow(step.logits)).toBeAllclose(logits, { atol: 1e-4 });
      cache = step.cache;
    }
    expect(cache.map(({ key }) => key.shape[2])).toEqual(official.kvLengths);
  });

  test('without a plan, and with keep ratio 1, the unpruned logits', () => {
    const unpruned = runReference(config, weights, { inputsEmbeds });
    expect(lastRow(unpruned.logits)).toBeAllclose(official.unprunedLastLogits, { atol: 1e-4 });
    const all = { ...plan, stages: plan.stages.map((stage) => ({ ...stage, keepRatio: 1 })) };
    const kept = runReference(config, weights, { inputsEmbeds, imageMask, plan: all });
    expect(kept.logits).toBeAllclose(unpruned.logits, { atol: 1e-12 });
  });
});

test('a plan that does not fit the decoder is refused', () => {
  const plan = createPlan({ accumulateLayers: [14], stages: [{ afterLayer: 14, keepRatio: 0.5 }] });
  const inputsEmbeds = ndarray(new Float64Array(config.hiddenSize), [1, 1, config.hiddenSize]);
  expect(() => runReference(config, weights, { inputsEmbeds, plan })).toThrow(/1 to 13/);
});
