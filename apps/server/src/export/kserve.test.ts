import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { inferenceService, resourceNameOf } from './kserve.js';

test('the manifest serves the repository through Triton', () => {
  const storageUri = 's3://bucket/smolvlm/models';
  expect(parse(inferenceService({ name: 'smolvlm', storageUri }))).toEqual({
    apiVersion: 'serving.kserve.io/v1beta1',
    kind: 'InferenceService',
    metadata: { name: 'smolvlm' },
    spec: {
      predictor: { model: { modelFormat: { name: 'triton' }, protocolVersion: 'v2', storageUri } },
    },
  });
});

test('no text becomes another field', () => {
  const storageUri = 's3://bucket/x:{}#y';
  expect(parse(inferenceService({ name: 'yes', storageUri }))).toMatchObject({
    metadata: { name: 'yes' },
    spec: { predictor: { model: { storageUri } } },
  });
});

test.each(['', 'Upper', 'a b', '1st', 'ends-', 'a'.repeat(64), 'x\nspec: {}'])(
  'no name: %j',
  (name) => {
    expect(() => inferenceService({ name, storageUri: 'pvc://models/x' })).toThrow(
      /expected a name/,
    );
  },
);

test.each(['', '/models', 'models/x', 's3://', 's3://a b', 's3://a\nb'])(
  'no address: %j',
  (storageUri) => {
    expect(() => inferenceService({ name: 'a', storageUri })).toThrow(/expected an address/);
  },
);

test.each([
  ['HuggingFaceTB/SmolVLM-256M-Instruct', 'smolvlm-256m-instruct'],
  ['/models/3b_Model.v2/', 'b-model-v2'],
  [`a${'-x'.repeat(60)}`, `a${'-x'.repeat(31)}`],
])('%s is called %s', (model, name) => {
  expect(resourceNameOf(model)).toBe(name);
});
