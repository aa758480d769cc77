/** Pruned decoders against their originals in a browser: every operator that a pass may emit. */
import { createPlan, type PrunePlan } from '@transprune/core';
import { tinyDecoder } from '@transprune/fixtures/browser';
import {
  buildDecoder,
  encodeModel,
  type OnnxModel,
  type PruneOptions,
  randomWeights,
} from '@transprune/onnx';
import { openSession, type Session } from '@transprune/session';
import { verifyPruned } from '@transprune/verify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { webBackend } from './backend.js';
import { webDevices } from './open.js';

const original: OnnxModel = buildDecoder(tinyDecoder, randomWeights(7));
const stages = [
  { afterLayer: 2, keepRatio: 0.5 },
  { afterLayer: 3, keepRatio: 0.25 },
];
const accumulateLayers = [1, 2];

const prunings: [string, PrunePlan, PruneOptions][] = [
  ['as it is', createPlan({ accumulateLayers, stages }), {}],
  [
    'a share of each image, positions kept, ratios at run time',
    createPlan({ accumulateLayers, stages, perImage: true, positions: 'keep' }),
    { runtimeRatios: true, trace: true },
  ],
  [
    'rows with padding, marked instructions',
    createPlan({ accumulateLayers, stages, perImage: true }),
    { batch: true, instructionMask: true, trace: true },
  ],
  ['at random', createPlan({ method: 'random', stages }), { batch: true }],
];

describe.each(webDevices)('on %s', (device) => {
  // onnxruntime forgets its compiled shaders with the last session.
  let first: Session;
  beforeAll(async () => {
    first = await openSession(webBackend, { bytes: encodeModel(original) }, device);
  });
  afterAll(() => first.dispose());

  test.each(prunings)('%s', async (_, plan, options) => {
    const report = await verifyPruned({ original, plan, options, backend: webBackend, device });
    expect(report.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(report).toMatchObject({ passed: true, device });
  });
});
