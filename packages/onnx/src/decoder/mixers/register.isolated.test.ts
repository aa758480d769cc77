import { readFileSync } from 'node:fs';
import { createPlan } from '@transprune/core';
import { caseFile } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { decodeModel } from '../../model/codec.js';
import { pruneModel } from '../../prune/prune.js';
import { readDecoder } from '../read.js';
import type { MixerFamily } from './family.js';
import { mixerFamilies, registerMixerFamily } from './index.js';
import { spelledOutConvolution } from './spelled-out-convolution.js';

const own: MixerFamily = {
  name: 'own',
  read(graph, site) {
    const reading = spelledOutConvolution.read(graph, site);
    return reading && { ...reading, family: own };
  },
};

test('a mixer that is registered is asked first, and only once', () => {
  registerMixerFamily(own);
  registerMixerFamily(own);
  expect(mixerFamilies().filter((family) => family === own)).toHaveLength(1);
  const model = decodeModel(readFileSync(caseFile('hybrid/lfm2-genai.onnx')));
  const { mixer } = readDecoder(model).layers[0]!;
  expect('readings' in mixer && mixer.readings[0]?.family).toBe(own);
  expect(() => registerMixerFamily({ ...own, name: 'linear-attention' })).toThrow(
    /expected a mixer of a name of its own/,
  );
  // It has no way to tell its state of padding.
  const plan = createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
  expect(() => pruneModel(model, plan, { batch: true })).toThrow(
    /layer 1: expected a state that can be told of padding, .* found one of own, which runs over padding too/,
  );
});
