/** Every method as nodes keeps what it keeps on arrays. */
import {
  createPlan,
  decoderConfig,
  type Method,
  methodNames,
  ndarray,
  type PrunePlan,
  readSafetensors,
  runReference,
  transpruneWith,
} from '@transprune/core';
import {
  officialCase,
  officialCheckpoint,
  officialImageMask,
  officialPlan,
} from '@transprune/fixtures';
import { openDecoder } from '@transprune/testing';
import { expect, test } from 'vitest';
import { type BuildOptions, buildDecoder } from '../src/builder/decoder.js';
import { checkpointWeights } from '../src/builder/weights.js';
import { encodeModel } from '../src/model/codec.js';
import { pruneModel } from '../src/prune/prune.js';

const checkpoint = officialCheckpoint();
const config = decoderConfig(checkpoint.config);
const weights = readSafetensors(checkpoint.bytes);
const official = officialCase('high');
const imageMask = officialImageMask(official);
const inputsEmbeds = ndarray(official.inputsEmbeds, official.inputsEmbedsShape);
const plan = createPlan(officialPlan(official));

/** As much is kept as of `plan`. */
function prunesAfter(...layers: readonly number[]): PrunePlan['stages'] {
  return plan.stages.map((stage, at) => ({ ...stage, afterLayer: layers[at] ?? 0 }));
}

const variants: Record<string, Partial<PrunePlan>> = {
  ...Object.fromEntries(methodNames.map((method) => [method, { method }])),
  'magnitude alone': { transitionParts: 'magnitude' },
  'direction alone': { transitionParts: 'direction' },
  'no accumulation': { accumulation: 'per-stage', accumulateLayers: [7, 9, 12] },
  'several layers of each stage': { method: 'transition', accumulation: 'per-stage' },
  'adjacent prunes, a layer each': {
    method: 'transition',
    accumulation: 'per-stage',
    accumulateLayers: [4, 5, 6],
    stages: prunesAfter(4, 5, 6),
  },
  'more layers of a stage than are held': {
    method: 'transition',
    accumulation: 'per-stage',
    accumulateLayers: [1, 2, 3, 4, 5, 6, 7, 8, 9],
    stages: prunesAfter(1, 8, 9),
  },
  'mostly transition': { method: transpruneWith({ alpha: 0.9 }) as Method },
  'as printed': { method: transpruneWith({ alpha: 0.5, normalized: false }) as Method },
};

/** Tests of every method on a layout of the builder. */
export function testMethods(layout: BuildOptions): void {
  const original = buildDecoder(config, checkpointWeights(weights), layout);

  test.each(Object.entries(variants))('%s', async (_, variant) => {
    const varied = { ...plan, ...variant };
    const reference = runReference(config, weights, { inputsEmbeds, imageMask, plan: varied });
    const { model } = pruneModel(original, varied, { trace: true });
    const decoder = await openDecoder(encodeModel(model), config);
    const { logits, extra } = await decoder.step(Float32Array.from(inputsEmbeds.data), imageMask);
    for (const [stage, { score, kept, imageMask: mask }] of reference.stages.entries()) {
      const expected = score.map((value, at) => value * (mask[at] ?? 0));
      const scale = Math.max(...expected.map(Math.abs));
      expect(extra[`pruning.score.${stage}`]).toBeAllclose([...expected], { atol: 1e-4 * scale });
      expect(extra[`pruning.kept.${stage}`]).toEqual(kept);
    }
    expect(logits).toBeAllclose(Float32Array.from(reference.logits.data), { atol: 1e-4 });
  });
}

/** What a variant keeps at last. */
export function keptBy(variant: Partial<PrunePlan>): string {
  const varied = { ...plan, ...variant };
  const { stages } = runReference(config, weights, { inputsEmbeds, imageMask, plan: varied });
  return `${stages.at(-1)?.kept}`;
}
