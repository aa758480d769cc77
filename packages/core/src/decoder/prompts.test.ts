import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayAlgebra as algebra } from '../algebra/arrays.js';
import { type NDArray, ndarray, take } from '../algebra/ndarray.js';
import { createPlan, type PrunePlan, positionModes } from '../plan/plan.js';
import { uniformNoise } from '../signals/noise.js';
import { layerTransition } from '../signals/transition.js';
import type { DecoderConfig } from './config.js';
import { type LayerCache, runLayer } from './layer.js';
import { type ReferenceInput, type ReferenceResult, runReference } from './reference.js';
import type { Checkpoint } from './safetensors.js';

const config: DecoderConfig = {
  layers: 4,
  hiddenSize: 8,
  heads: 4,
  kvHeads: 2,
  headDim: 4,
  intermediateSize: 12,
  vocabularySize: 7,
  rmsNormEpsilon: 1e-6,
  ropeTheta: 100,
  maxPositions: 64,
  tiedEmbeddings: false,
};
const { hiddenSize, intermediateSize } = config;
const queries = config.heads * config.headDim;
const keys = config.kvHeads * config.headDim;
const shapes: Readonly<Record<string, readonly [number, number]>> = {
  q_proj: [queries, hiddenSize],
  k_proj: [keys, hiddenSize],
  v_proj: [keys, hiddenSize],
  o_proj: [hiddenSize, queries],
  gate_proj: [intermediateSize, hiddenSize],
  up_proj: [intermediateSize, hiddenSize],
  down_proj: [hiddenSize, intermediateSize],
  lm_head: [config.vocabularySize, hiddenSize],
};
const weights: Checkpoint = {
  names: [],
  tensor(name) {
    const shape = shapes[name.split('.').at(-2) ?? ''];
    if (!shape) return ndarray(new Float64Array(hiddenSize).fill(1), [hiddenSize]);
    const seed = [...name].reduce((sum, c) => sum * 31 + c.charCodeAt(0), 7);
    const noise = uniformNoise(seed, shape[0] * shape[1]);
    return ndarray(
      noise.map((u) => 2 * u - 1),
      shape,
    );
  },
};

const embeddings = (tokens: number, seed: number) =>
  ndarray(
    uniformNoise(seed, tokens * hiddenSize).map((u) => 2 * u - 1),
    [1, tokens, hiddenSize],
  );
const run = (input: ReferenceInput) => runReference(config, weights, input);
const lengths = (cache: readonly LayerCache[]) => cache.map(({ key }) => key.shape[2]);

function expectClose(actual: NDArray, expected: NDArray): void {
  expect(actual.shape).toEqual(expected.shape);
  expect(actual).toBeAllclose(expected, { atol: 1e-9 });
}

function expectCachesClose(actual: readonly LayerCache[], expected: readonly LayerCache[]): void {
  expect(lengths(actual)).toEqual(lengths(expected));
  actual.forEach(({ key, value }, at) => {
    expectClose(key, expected[at]!.key);
    expectClose(value, expected[at]!.value);
  });
}

const twoStages = [
  { afterLayer: 1, keepRatio: 0.5 },
  { afterLayer: 3, keepRatio: 0.25 },
];
const planOf = (fields: Partial<PrunePlan> = {}) =>
  createPlan({ accumulateLayers: [1, 2, 3], stages: twoStages, ...fields });

/** Text, image, text, image, text. */
const prompt = [0, 0, 1, 1, 1, 1, 1, 0, 2, 2, 2, 0, 0];

const masks = fc
  .array(fc.integer({ min: 0, max: 2 }), { minLength: 2, maxLength: 14 })
  .map((mask) => [...mask, 0]);
const positions = fc.constantFrom(...positionModes);

describe('several calls', () => {
  test('a prompt in two calls is the prompt in one, where nothing is pruned', () => {
    const lengthsOfCalls = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(
        lengthsOfCalls,
        lengthsOfCalls,
        positions,
        fc.nat(),
        (first, more, mode, seed) => {
          const plan = planOf({ positions: mode });
          const all = embeddings(first + more, seed);
          const whole = run({ inputsEmbeds: all });
          const { cache } = run({ inputsEmbeds: algebra.slice(all, 1, 0, first), plan });
          const rest = algebra.slice(all, 1, first, first + more);
          const second = run({ inputsEmbeds: rest, plan, cache });
          expectClose(second.logits, algebra.slice(whole.logits, 1, first, first + more));
          expectCachesClose(second.cache, whole.cache);
        },
      ),
      { numRuns: 20 },
    );
  });

  test.each(positionModes)('a second turn without an image is not pruned: %s', (mode) => {
    const plan = planOf({ positions: mode });
    const first = run({ inputsEmbeds: embeddings(13, 1), imageMask: prompt, plan });
    expect(lengths(first.cache)).toEqual([13, 9, 9, 7]);
    const second = run({ inputsEmbeds: embeddings(3, 2), plan, cache: first.cache });
    expect(second.stages).toEqual([]);
    expect(second.logits.shape[1]).toBe(3);
    expect(lengths(second.cache)).toEqual([16, 12, 12, 10]);
  });

  test.each(positionModes)('a second turn with an image has its own quota: %s', (mode) => {
    const plan = planOf({ positions: mode });
    const first = run({ inputsEmbeds: embeddings(13, 1), imageMask: prompt, plan });
    const imageMask = [0, 1, 1, 1, 1, 0];
    const second = run({ inputsEmbeds: embeddings(6, 2), imageMask, plan, cache: first.cache });
    expect(second.stages.map(({ kept }) => kept.length)).toEqual([4, 3]);
    expect(lengths(second.cache)).toEqual([19, 13, 13, 10]);
  });

  test('the instruction of a second turn shares its attention with the past', () => {
    fc.assert(
      fc.property(
        masks,
        fc.integer({ min: 1, max: 5 }),
        positions,
        fc.nat(),
        (mask, past, mode, seed) => {
          const imageMask = [1, ...mask];
          const plan = planOf({ positions: mode, stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
          const all = embeddings(past + imageMask.length, seed);
          const length = past + imageMask.length;
          const { cache } = run({ inputsEmbeds: algebra.slice(all, 1, 0, past), plan });
          const second = run({
            inputsEmbeds: algebra.slice(all, 1, past, length),
            imageMask,
            plan,
            cache,
          });
          const textBefore = new Array<number>(past).fill(0);
          const whole = run({ inputsEmbeds: all, imageMask: [...textBefore, ...imageMask], plan });
          const attention = (result: ReferenceResult) =>
            result.stages[0]!.signals.instructionAttention!;
          const columns = attention(whole).slice(past);
          expect(attention(second)).toBeAllclose(columns, { atol: 1e-12 });
          const shares = attention(second).reduce((sum, share) => sum + share, 0);
          expect(shares).toBeLessThan(1);
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('positions after a prune', () => {
  /** The layers one by one, over what a pruned run kept, with the rotary positions given. */
  function replay(
    turns: readonly { inputsEmbeds: NDArray; result: ReferenceResult }[],
    position: (turn: number, layer: number, index: number, place: number) => number,
  ): LayerCache[] {
    const caches: LayerCache[] = [];
    turns.forEach(({ inputsEmbeds, result }, turn) => {
      let stream = inputsEmbeds;
      let places = Array.from({ length: inputsEmbeds.shape[1]! }, (_, place) => place);
      for (let layer = 1; layer <= config.layers; layer++) {
        const pass = runLayer({
          config,
          weights,
          layer,
          stream,
          positions: places.map((place, index) => position(turn, layer, index, place)),
          past: caches[layer - 1],
        });
        caches[layer - 1] = pass.cache;
        stream = pass.stream;
        const stage = twoStages.findIndex(({ afterLayer }) => afterLayer === layer);
        const kept = result.stages[stage]?.kept ?? places;
        stream = take(
          stream,
          1,
          kept.map((place) => places.indexOf(place)),
        );
        places = [...kept];
      }
    });
    return caches;
  }

  function twoTurns(mode: PrunePlan['positions']) {
    const plan = planOf({ positions: mode });
    const [a, b] = [embeddings(13, 3), embeddings(4, 4)];
    const first = run({ inputsEmbeds: a, imageMask: prompt, plan });
    const second = run({ inputsEmbeds: b, imageMask: [1, 1, 0, 0], plan, cache: first.cache });
    const turns = [
      { inputsEmbeds: a, result: first },
      { inputsEmbeds: b, result: second },
    ];
    return { first, second, turns };
  }

  test('keep: a token stands in every layer where it stood in the unpruned sequence', () => {
    const { second, turns } = twoTurns('keep');
    const expected = replay(turns, (turn, _layer, _index, place) => turn * 13 + place);
    expectCachesClose(second.cache, expected);
  });

  test("renumber: a token stands where each layer's own cache ends", () => {
    const { first, second, turns } = twoTurns('renumber');
    const ends = lengths(first.cache);
    const expected = replay(turns, (turn, layer, index) => turn * ends[layer - 1]! + index);
    expectCachesClose(second.cache, expected);
  });

  test('both modes agree where nothing is dropped', () => {
    fc.assert(
      fc.property(masks, fc.nat(), (imageMask, seed) => {
        const inputsEmbeds = embeddings(imageMask.length, seed);
        const stages = twoStages.map((stage) => ({ ...stage, keepRatio: 1 }));
        const [renumbered, kept] = positionModes.map((mode) =>
          run({ inputsEmbeds, imageMask, plan: planOf({ stages, positions: mode }) }),
        );
        expect(kept).toEqual(renumbered);
      }),
      { numRuns: 20 },
    );
  });
});

describe('accumulation', () => {
  const inputsEmbeds = embeddings(13, 9);
  const scored = (fields: Partial<PrunePlan>) =>
    run({ inputsEmbeds, imageMask: prompt, plan: planOf(fields) }).stages.map(
      ({ signals, ...stage }) => ({ ...stage, transition: signals.transition! }),
    );

  test.each<[string, readonly number[]]>([
    ['the layer before each prune', [1, 3]],
    ['several layers between two prunes', [1, 2, 3]],
  ])('per-stage: the second prune scores by its own layers alone: %s', (_, accumulateLayers) => {
    const fields = { accumulateLayers, accumulation: 'per-stage' } as const;
    const [first, second] = scored(fields);
    // Layer by layer: what the plan accumulates of layers 2 and 3, over what the first prune left.
    let stream = inputsEmbeds;
    let places = [...prompt.keys()];
    const transitions = [1, 2, 3].map((layer) => {
      const positions = places.map((_, index) => index);
      const pass = runLayer({ config, weights, layer, stream, positions, past: undefined });
      stream = pass.stream;
      if (layer === 1) {
        places = [...first!.kept];
        stream = take(stream, 1, places);
      }
      return layerTransition(algebra, pass.modules, { direction: '1-cos' }).data;
    });
    const [one, two, three] = transitions;
    expect(first!.transition).toBeAllclose(one!, { rtol: 1e-12 });
    const own = three!.map((value, at) => value + (accumulateLayers.includes(2) ? two![at]! : 0));
    expect(second!.transition).toBeAllclose(own, { rtol: 1e-12 });
  });

  test('cumulative is what a plan without the field has; survivors keep what they gathered', () => {
    const byDefault = scored({});
    expect(scored({ accumulation: 'cumulative' })).toEqual(byDefault);
    const [first, second] = scored({ accumulation: 'per-stage' });
    expect(first).toEqual(byDefault[0]);
    const gathered = first!.kept.map((place) => first!.transition[place]!);
    const sum = second!.transition.map((value, at) => value + gathered[at]!);
    expect(byDefault[1]!.transition).toBeAllclose(sum, { rtol: 1e-12 });
    expect(Math.min(...gathered)).toBeGreaterThan(0);
  });
});

describe('the instruction', () => {
  const stages = [{ afterLayer: 2, keepRatio: 0.5 }];
  const plan = planOf({ stages });
  const attention = (imageMask: number[], instructionMask: number[] | undefined, seed: number) =>
    run({ inputsEmbeds: embeddings(imageMask.length, seed), imageMask, instructionMask, plan })
      .stages[0]!.signals.instructionAttention!;

  test('is what lies after the image, if it is not named', () => {
    fc.assert(
      fc.property(masks, fc.nat(), (mask, seed) => {
        const imageMask = [1, ...mask];
        const last = imageMask.findLastIndex((span) => span !== 0);
        const after = imageMask.map((_, i) => (i > last ? 1 : 0));
        const byDefault = attention(imageMask, undefined, seed);
        expect(attention(imageMask, after, seed)).toEqual(byDefault);
        const nothing = imageMask.map(() => 0);
        expect(attention(imageMask, nothing, seed)).toEqual(byDefault);
      }),
      { numRuns: 20 },
    );
  });

  test('is the last token where the image ends the prompt', () => {
    const byDefault = attention([0, 1, 1], undefined, 5);
    expect(byDefault).toEqual(attention([0, 1, 1], [0, 0, 1], 5));
  });

  test('is exactly the named rows, each as much as another', () => {
    const rows = [1, 7, 12];
    const named = (chosen: readonly number[]) =>
      attention(
        prompt,
        prompt.map((_, i) => (chosen.includes(i) ? 3 : 0)),
        6,
      );
    const single = rows.map((row) => named([row]));
    const mean = named(rows).map((_, i) => single.reduce((sum, one) => sum + one[i]!, 0) / 3);
    expect(named(rows)).toBeAllclose(mean, { atol: 1e-12 });
  });
});

describe('several images', () => {
  const keptSpans = (result: ReferenceResult, imageMask: readonly number[]) =>
    result.stages.map(({ kept }) =>
      [1, 2].map((span) => kept.filter((place) => imageMask[place] === span).length),
    );

  test('each keeps its share of its own size, at every stage', () => {
    fc.assert(
      fc.property(masks, fc.nat(), (mask, seed) => {
        const imageMask = [1, ...mask];
        const plan = planOf({ perImage: true });
        const result = run({ inputsEmbeds: embeddings(imageMask.length, seed), imageMask, plan });
        const sizes = [1, 2].map((span) => imageMask.filter((m) => m === span).length);
        expect(keptSpans(result, imageMask)).toEqual(
          twoStages.map(({ keepRatio }) =>
            sizes.map((size) => Math.max(Math.min(size, 1), Math.floor(keepRatio * size))),
          ),
        );
      }),
      { numRuns: 20 },
    );
  });

  test('are one where they are ranked together, whatever their numbers', () => {
    const inputsEmbeds = embeddings(prompt.length, 8);
    const ones = prompt.map((span) => Math.min(span, 1));
    const numbered = run({ inputsEmbeds, imageMask: prompt, plan: planOf() });
    expect(numbered).toEqual(run({ inputsEmbeds, imageMask: ones, plan: planOf() }));
    expect(
      numbered.stages.map(({ kept }) => kept.filter((i) => prompt[i])).map((k) => k.length),
    ).toEqual([4, 2]);
  });
});
