import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TransPruneError } from '../errors.js';
import {
  defineMethod,
  type Method,
  methodByName,
  methodNameOf,
  methodNames,
  methodOf,
  transpruneWith,
} from '../methods/index.js';
import {
  checkTransitionFields,
  createPlan,
  newlyAccumulatedLayers,
  type PrunePlan,
  positionModes,
  settlePlan,
  type TransitionFields,
  validatePlan,
  withMethod,
} from './plan.js';
import { presetNames, presetPlan } from './presets.js';

const high = presetPlan('transprune-high', 32).plan;
const stages = (...pairs: [afterLayer: number, keepRatio: number][]) =>
  pairs.map(([afterLayer, keepRatio]) => ({ afterLayer, keepRatio }));

describe('validation', () => {
  test.each<[string, Partial<PrunePlan>, RegExp]>([
    ['a layer beyond the decoder', { stages: stages([32, 0.5]) }, /from 1 to 31.*got 32/],
    ['layer 0', { stages: stages([0, 0.5]) }, /got 0/],
    ['half a layer', { stages: stages([1.5, 0.5]) }, /whole numbers/],
    ['layers that fall', { stages: stages([9, 0.5], [7, 0.25]) }, /must rise, got 7 after 9/],
    ['ratios that rise', { stages: stages([7, 0.5], [9, 0.75]) }, /not rise.*got 0.75 after 0.5/],
    ['ratio 0', { stages: stages([7, 0]) }, /above 0 and at most 1, got 0/],
    ['a ratio above 1', { stages: stages([7, 1.5]) }, /got 1.5/],
    ['a ratio that is no number', { stages: stages([7, Number.NaN]) }, /got NaN/],
    ['an accumulated layer beyond the decoder', { accumulateLayers: [33] }, /from 1 to 32.*got 33/],
    ['nothing accumulated yet', { accumulateLayers: [8, 9] }, /at or before its first prune/],
    [
      'an unknown method',
      { method: 'best' },
      /one of transprune, .*random.*, or .*got the name best/,
    ],
    ['unknown positions', { positions: 'drop' as never }, /one of auto, renumber, keep, got drop/],
    ['perImage that is no boolean', { perImage: 1 as never }, /true or false, got 1/],
    ['a mass of nothing', { keepMass: 0 }, /keepMass must be above 0 and at most 1, got 0/],
    ['a mass above 1', { keepMass: 1.5 }, /got 1.5/],
    ['a mass that is no number', { keepMass: '.5' as never }, /got .5/],
    ['a floor above 1', { keepMass: 0.5, keepFloor: 2 }, /keepFloor must be from 0 to 1.*got 2/],
    ['a floor alone', { keepFloor: 0.1 }, /beside a keepMass, got 0.1 alone/],
    ['a mass of each image', { keepMass: 0.5, perImage: true }, /got it with perImage/],
    ['unknown accumulation', { accumulation: 'none' as never }, /cumulative, per-stage, got none/],
    [
      'a prune without a layer of its own',
      { accumulation: 'per-stage', accumulateLayers: [7, 10, 12] },
      /after layer 7, at or before its next prune \(after layer 9\), .*per-stage, got \[7, 10, 12\]/,
    ],
    ['an unknown direction', { direction: 'sin' as never }, /1-\|cos\|, got sin/],
  ])('%s is refused', (_, change, message) => {
    expect(() => validatePlan({ ...high, ...change }, 32)).toThrow(message);
    expect(() => validatePlan({ ...high, ...change }, 32)).toThrow(TransPruneError);
  });

  test('a method without transition needs no accumulated layer', () => {
    const plan = createPlan({ method: 'random', stages: stages([7, 0.5], [8, 0.25]) });
    validatePlan(plan, 32);
  });

  test.each<[string, TransitionFields]>([
    ['accumulateLayers', { accumulateLayers: [7] }],
    ['accumulation', { accumulation: 'cumulative' }],
    ['direction', { direction: '1-cos' }],
    ['transitionParts', { transitionParts: 'both' }],
  ])('%s that is given to a method without transition', (field, given) => {
    for (const method of ['random', 'fastv', 'instruction'] as const) {
      const check = () => checkTransitionFields({ method }, { direction: undefined, ...given });
      expect(check).toThrow(
        `${field} is for methods that look at the token transition (transprune, transition), got it with ${method}, which does not`,
      );
      expect(check).toThrow(TransPruneError);
    }
    for (const method of ['transprune', 'transition'] as const) {
      checkTransitionFields({ method }, given);
    }
    checkTransitionFields({ method: 'random' }, { [field]: undefined });
  });

  test('a plan has no fields that its method does not take, which its other methods lose', () => {
    const own = { accumulation: 'per-stage', transitionParts: 'magnitude' } as const;
    validatePlan({ ...high, ...own }, 32);
    for (const [field, value] of Object.entries(own)) {
      const plan = { ...high, method: 'random', [field]: value };
      expect(() => validatePlan(plan, 32)).toThrow(`${field} is for methods`);
    }
    expect(withMethod({ ...high, ...own }, 'random')).toEqual({ ...high, method: 'random' });
    expect(withMethod({ ...high, ...own }, 'transition')).toMatchObject(own);
  });

  test('a later prune needs none of its own where transition goes on from prune to prune', () => {
    const plan = { ...high, accumulateLayers: [7, 10, 12] };
    validatePlan(plan, 32);
    validatePlan({ ...plan, accumulation: 'cumulative' }, 32);
    validatePlan({ ...plan, accumulateLayers: [7, 9, 12], accumulation: 'per-stage' }, 32);
  });
});

test('methods go by the names that they have', () => {
  expect(methodNames.map((name) => methodByName(name).name)).toEqual(methodNames);
});

describe('TransPrune with a weight goes by a name', () => {
  const read = (plan: PrunePlan) =>
    methodOf(JSON.parse(JSON.stringify({ ...plan, method: methodNameOf(plan) })) as PrunePlan);

  test.each([0, 1, 0.25, 0.5, 0.4, 1 / 3, 0.1 + 0.2, 1e-7, 1.5e-9, Number.MIN_VALUE])(
    'alpha %s',
    (alpha) => {
      for (const normalized of [true, false]) {
        const method = transpruneWith({ alpha, normalized });
        const plan = createPlan({ method, accumulateLayers: [7], stages: stages([7, 0.5]) });
        validatePlan(plan, 32);
        expect(read(plan)).toBe(method);
      }
    },
  );

  test('that says how it is made', () => {
    const { name } = transpruneWith({ alpha: 0.25 });
    expect(name).toBe('transprune-alpha-0-25');
    expect(methodByName('transprune-alpha-0-25-as-printed')).toBe(
      transpruneWith({ alpha: 0.25, normalized: false }),
    );
    expect(transpruneWith({ alpha: 0.25, normalized: false }).summary).not.toBe('');
  });

  test.each([
    'transprune-alpha-2',
    'transprune-alpha-1-5',
    'transprune-alpha-',
    'transprune-alpha-0-250',
    'transprune-alpha-0-25-printed',
    'transprune-alpha-0-25-as-printed-as-printed',
    'transprune-alpha-a',
    'transprune-alpha-constructor',
  ])('%s is none', (method) => {
    const told =
      /with alpha from 0 to 1, such as transprune-alpha-0-25 or .*, got transprune-alpha-/;
    expect(() => methodOf({ method })).toThrow(told);
    expect(() => methodByName(method as 'transprune-alpha-2')).toThrow(told);
  });

  test('another formula has another name', () => {
    const own = { ...transpruneWith({ alpha: 0.25 }) };
    expect(() => methodOf({ method: own })).toThrow(
      /must not be one of transpruneWith unless it is that, got transprune-alpha-0-25/,
    );
  });
});

test('a plan may keep what holds a share of the score', () => {
  validatePlan({ ...high, keepMass: 0.9 }, 32);
  validatePlan({ ...high, keepMass: 1, keepFloor: 0 }, 32);
});

test('positions may be kept and images have quotas; an old plan has neither field', () => {
  validatePlan({ ...high, positions: 'keep', perImage: true }, 32);
  expect(high.perImage).toBe(false);
  const { perImage: _, ...old } = high;
  validatePlan(JSON.parse(JSON.stringify(old)) as PrunePlan, 32);
});

test("positions are the plan's, or what the decoder needs", () => {
  for (const positions of positionModes) {
    expect(settlePlan(high, { positions })).toEqual({ ...high, positions });
    expect(settlePlan({ ...high, positions }, { positions: 'renumber' }).positions).toBe(positions);
  }
});

describe('a method of its own', () => {
  const own = defineMethod({
    name: 'own',
    summary: 'the attention of the last token',
    source: 'this test',
    needs: ['instructionAttention'],
    asks: 'last-token',
    score: (_, { instructionAttention }) => instructionAttention,
  });
  const planWith = (method: unknown) =>
    createPlan({ method: method as Method, stages: stages([7, 0.5]) });

  test('stands in the plan itself', () => {
    const plan = planWith(own);
    validatePlan(plan, 32);
    expect(methodOf(plan)).toBe(own);
    expect(methodNameOf(plan)).toBe('own');
    expect(methodOf(high)).toBe(methodByName('transprune'));
  });

  test.each<[string, unknown, RegExp]>([
    ['a name that nobody knows', 'own', /or a method itself, got the name own/],
    ['a name of every object', 'constructor', /got the name constructor/],
    ['nothing', null, /a method's name must be/],
    ['no name', { ...own, name: undefined }, /a method's name must be/],
    [
      'a name of two words',
      { ...own, name: 'my own' },
      /letters, digits and hyphens, got "my own"/,
    ],
    [
      'the name of another',
      { ...own, name: 'random' },
      /must not be one of transprune, .*, got random/,
    ],
    ['no signal', { ...own, needs: [] }, /need one or more of transition, .*got \[\]/],
    ['an unknown signal', { ...own, needs: ['magic'] }, /got \["magic"\]/],
    ['others that ask', { ...own, asks: 'image' }, /instruction or last-token, got "image"/],
    ['no formula', { ...own, score: undefined }, /must have a function score/],
  ])('%s is refused', (_, method, message) => {
    expect(() => validatePlan(planWith(method), 32)).toThrow(message);
    expect(() => validatePlan(planWith(method), 32)).toThrow(TransPruneError);
  });
});

describe('presets', () => {
  test("the published layers and ratios at 32 layers, and at Qwen2.5-VL-7B's 28", () => {
    for (const layers of [28, 32]) {
      const { plan, schedule } = presetPlan('transprune-low', layers);
      expect(schedule).toBe('published');
      expect(plan.stages).toEqual(stages([7, 0.625], [9, 0.1875], [12, 0.0625]));
      expect(plan.accumulateLayers).toEqual([7, 8, 9, 10, 11, 12]);
      expect(plan).toMatchObject({ direction: '1-cos', positions: 'auto' });
    }
  });

  test('are valid at any depth from 4, and say that they are scaled', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...presetNames),
        fc.integer({ min: 4, max: 100 }),
        (name, layers) => {
          const { plan, schedule } = presetPlan(name, layers);
          validatePlan(plan, layers);
          expect(plan.stages).toHaveLength(name === 'none' ? 0 : 3);
          const published = name === 'none' || layers === 28 || layers === 32;
          expect(schedule).toBe(published ? 'published' : 'depth-scaled');
        },
      ),
    );
  });

  test('unknown names and decoders without room are refused', () => {
    expect(() => presetPlan('fast', 32)).toThrow(/one of transprune-high, .*got fast/);
    expect(() => presetPlan('transprune-high', 3)).toThrow(/at least 4 layers, got 3/);
  });
});

test('each stage accumulates the layers since the one before', () => {
  expect([0, 1, 2].map((stage) => newlyAccumulatedLayers(high, stage))).toEqual([
    [7],
    [8, 9],
    [10, 11, 12],
  ]);
});
