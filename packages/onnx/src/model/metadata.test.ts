import { create } from '@bufbuild/protobuf';
import { createPlan, defineMethod, methodOf, transpruneWith } from '@transprune/core';
import { expect, test } from 'vitest';
import { ModelProtoSchema } from '../proto/onnx_pb.js';
import { metadataWithPlan, readPlan } from './metadata.js';

const modelWith = (value: string) =>
  create(ModelProtoSchema, { metadataProps: [{ key: 'transprune.plan', value }] });

const plan = {
  ...createPlan({ accumulateLayers: [1], stages: [{ afterLayer: 2, keepRatio: 0.5 }] }),
  positions: 'keep',
} as const;

test('a plan comes back as it was written', () => {
  const model = create(ModelProtoSchema, {});
  expect(readPlan(model)).toBeUndefined();
  expect(readPlan({ ...model, metadataProps: metadataWithPlan(model, plan) })).toEqual(plan);
});

test('so do fields that a plan may lack', () => {
  const model = create(ModelProtoSchema, {});
  const full = {
    ...plan,
    accumulation: 'per-stage',
    transitionParts: 'magnitude',
    keepMass: 0.9,
    keepFloor: 0.1,
  } as const;
  expect(readPlan({ ...model, metadataProps: metadataWithPlan(model, full) })).toEqual(full);
  expect(() => readPlan(modelWith(JSON.stringify({ ...plan, keepMass: 2 })))).toThrow(
    'keepMass must be above 0 and at most 1, got 2',
  );
});

test('a plan of before there was perImage ranks all images together', () => {
  const { perImage: _, ...older } = plan;
  expect(readPlan(modelWith(JSON.stringify(older)))).toEqual({ ...plan, perImage: false });
});

test.each([{ alpha: 0.25 }, { alpha: 0.5, normalized: false }])(
  'transprune with a weight (%j) comes back as that',
  (weights) => {
    const method = transpruneWith(weights);
    const model = create(ModelProtoSchema, {});
    for (const named of [method, method.name]) {
      const own = { ...plan, method: named };
      const written = { ...model, metadataProps: metadataWithPlan(model, own) };
      const read = readPlan(written);
      expect(read).toEqual({ ...plan, method: method.name });
      expect(methodOf(read!)).toBe(method);
    }
  },
);

test('a method of another package comes back by its name; what needs the method itself says so', () => {
  const own = defineMethod({
    name: 'own-method',
    summary: 'noise under another name',
    source: 'this test',
    needs: ['noise'],
    score: (_, { noise }) => noise,
  });
  const model = create(ModelProtoSchema, {});
  const written = { ...model, metadataProps: metadataWithPlan(model, { ...plan, method: own }) };
  const read = readPlan(written);
  expect(read).toEqual({ ...plan, method: 'own-method' });
  expect(() => methodOf(read!)).toThrow(
    /one of transprune, .*, or a method itself, got the name own-method/,
  );
  expect(methodOf({ ...read!, method: own })).toBe(own);
});

test.each([
  ['nothing', '', /no JSON/],
  ['text', 'high', /no JSON/],
  ['cut off', JSON.stringify(plan).slice(0, -5), /no JSON/],
  ['null', 'null', /got object/],
  ['a list', '[]', /got a list/],
  ['a number', '3', /got number/],
  ['an empty object', '{}', /method that is no text/],
  ['no stages', JSON.stringify({ ...plan, stages: undefined }), /stages that are no list/],
  ['stages of another kind', JSON.stringify({ ...plan, stages: [1] }), /stages that are no list/],
  ['a method that is no name', JSON.stringify({ ...plan, method: {} }), /method that is no text/],
  ['unknown accumulation', JSON.stringify({ ...plan, accumulation: 1 }), /accumulation must be/],
  ['unknown positions', JSON.stringify({ ...plan, positions: 'drop' }), /positions must be one of/],
  ['positions that nobody chose', JSON.stringify({ ...plan, positions: 'auto' }), /auto/],
  [
    'ratios that rise',
    JSON.stringify({ ...plan, stages: [...plan.stages, { afterLayer: 3, keepRatio: 0.9 }] }),
    /must not rise/,
  ],
  ['a seed of another kind', JSON.stringify({ ...plan, seed: '0' }), /seed that is no number/],
])('%s in place of a plan is an invalid model', (_, value, message) => {
  let caught: unknown;
  try {
    readPlan(modelWith(value));
  } catch (error) {
    caught = error;
  }
  expect(caught).toMatchObject({
    code: 'INVALID_MODEL',
    message: expect.stringMatching(message),
  });
});
