import { readFileSync } from 'node:fs';
import { caseFile } from '@transprune/fixtures';
import { expect, test } from 'vitest';
import { decodeModel } from '../../model/codec.js';
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
  const [first] = readDecoder(decodeModel(readFileSync(caseFile('hybrid/lfm2-genai.onnx')))).layers;
  const { mixer } = first!;
  expect('readings' in mixer && mixer.readings[0]?.family).toBe(own);
  expect(() => registerMixerFamily({ ...own, name: 'linear-attention' })).toThrow(
    /expected a mixer of a name of its own/,
  );
});
