/** Every layout of the builder, prompts of every kind, held against the reference on arrays. */
import {
  createPlan,
  keepRatiosInput,
  type LayerCache,
  ndarray,
  type PrunePlan,
  positionModes,
  runReference,
} from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { openDecoder, type StepOptions } from '@transprune/testing';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import {
  smallConfig as config,
  randomCheckpoint,
  randomEmbeddings,
} from '../../testing/random-decoder.js';
import { type BuildOptions, buildDecoder } from '../builder/decoder.js';
import { checkpointWeights } from '../builder/weights.js';
import { encodeModel } from '../model/codec.js';
import { type PruneOptions, pruneModel } from './prune.js';

const checkpoint = randomCheckpoint(config, 1);
const evenConfig = { ...config, kvHeads: config.heads };
const evenCheckpoint = randomCheckpoint(evenConfig, 1);
const built = (options: BuildOptions) => ({
  model: buildDecoder(config, checkpointWeights(checkpoint), options),
  config,
  checkpoint,
});

/** Graphs that compute the same as the reference. */
const layouts = {
  packed: built({ projections: 'packed' }),
  split: built({ projections: 'split' }),
  'rotary apart': built({ rotary: 'separate' }),
  'rotary apart, split': built({ rotary: 'separate', projections: 'split', norms: 'separate' }),
  'multi-head': {
    model: buildDecoder(evenConfig, checkpointWeights(evenCheckpoint), { attention: 'multi-head' }),
    config: evenConfig,
    checkpoint: evenCheckpoint,
  },
};
type LayoutName = keyof typeof layouts;
const layoutNames = Object.keys(layouts) as LayoutName[];
/** Of those whose attention is told lengths, one that rotates inside and one that is told positions. */
const groupedLayouts = ['packed', 'rotary apart, split'] as const;

/** One call: tokens with span numbers, and perhaps a marked instruction. */
interface Turn {
  readonly spans: readonly number[];
  readonly instruction?: readonly number[];
}

const longs = (values: readonly number[], dims: readonly number[]) =>
  new Tensor('int64', BigInt64Array.from(values, BigInt), dims);

/** Runs turns on a pruned graph and on the reference, each on top of the ones before. */
async function compareTurns(
  layout: LayoutName,
  plan: PrunePlan,
  turns: readonly Turn[],
  seed: number,
  options: PruneOptions = {},
  cacheRoom = 0,
) {
  const { model, config, checkpoint } = layouts[layout];
  const pruned = pruneModel(model, plan, { trace: true, ...options }).model;
  const decoder = await openDecoder(encodeModel(pruned), { ...config, cacheRoom });
  let cache: readonly LayerCache[] | undefined;
  for (const [at, { spans, instruction }] of turns.entries()) {
    const tokens = spans.length;
    const embeddings = randomEmbeddings(config, tokens, seed + at);
    const marks = instruction ?? spans.map(() => 0);
    const extra = { instruction_mask: longs(marks, [1, tokens]) };
    const step = await decoder.step(embeddings, spans, { extra });
    const expected = runReference(config, checkpoint, {
      inputsEmbeds: ndarray(embeddings, [1, tokens, config.hiddenSize]),
      imageMask: spans,
      instructionMask: instruction,
      plan,
      cache,
    });
    expected.stages.forEach((stage, index) => {
      const scores = [...stage.score].map((s, i) => s * stage.imageMask[i]!);
      expect(maxDifference(step.extra[`pruning.score.${index}`]!, scores)).toBeLessThan(1e-5);
      expect(step.extra[`pruning.kept.${index}`]).toEqual(stage.kept);
    });
    expect(maxDifference(step.logits, expected.logits.data)).toBeLessThan(2e-4);
    const lengths = expected.cache.map(({ key }) => key.shape[2]);
    if (cacheRoom === 0) expect(step.cacheLengths).toEqual(lengths);
    else expect(new Set(step.cacheLengths)).toEqual(new Set([cacheRoom]));
    for (const [stage, { afterLayer }] of plan.stages.entries()) {
      const held = options.cache === 'fixed' ? [lengths[afterLayer]] : undefined;
      expect(step.extra[`pruning.length.${stage}`]).toEqual(held);
    }
    cache = expected.cache;
  }
}

const token: Turn = { spans: [0] };

/** Text, then images (numbered) with text between them, then text. */
const turn = fc
  .record({
    before: fc.integer({ min: 0, max: 4 }),
    images: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 0, maxLength: 3 }),
    between: fc.integer({ min: 0, max: 2 }),
    after: fc.integer({ min: 1, max: 6 }),
    marks: fc.option(fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }), { nil: undefined }),
  })
  .map(({ before, images, between, after, marks }): Turn => {
    const text = (count: number) => new Array<number>(count).fill(0);
    const spans = [
      ...text(before),
      ...images.flatMap((size, i) => [...new Array<number>(size).fill(i + 1), ...text(between)]),
      ...text(after),
    ];
    if (!marks) return { spans };
    const instruction = text(spans.length);
    for (const mark of marks) instruction[mark % spans.length] = 1;
    return { spans, instruction };
  });

const anyPlan = fc
  .record({
    layers: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
    ratios: fc.array(fc.integer({ min: 3, max: 64 }), { minLength: 3, maxLength: 3 }),
    method: fc.constantFrom('transprune' as const, 'random' as const),
    positions: fc.constantFrom(...positionModes),
    perImage: fc.boolean(),
    seed: fc.nat(1000),
  })
  .map(({ layers, ratios, ...fields }) => {
    const descending = [...ratios].sort((a, b) => b - a);
    const stages = [...layers]
      .sort((a, b) => a - b)
      .map((afterLayer, i) => ({ afterLayer, keepRatio: (descending[i] ?? 64) / 64 }));
    const byMass = fields.seed % 2 === 0 && !fields.perImage;
    const mass = byMass ? { keepMass: 0.5, keepFloor: 0.1 } : {};
    return createPlan({ accumulateLayers: [1, 2, 3, 4, 5], ...fields, ...mass, stages });
  });

test.each(layoutNames)(
  '%s: random plans, several images, turns on top of turns',
  async (layout) => {
    await fc.assert(
      fc.asyncProperty(anyPlan, turn, turn, fc.nat(1000), async (plan, first, second, seed) => {
        const turns = [first, token, second, token];
        await compareTurns(layout, plan, turns, seed, { instructionMask: true });
      }),
      { numRuns: 8, seed: 30 },
    );
  },
);

test.each(groupedLayouts)(
  '%s: caches of a fixed length, with room for more and without',
  async (layout) => {
    const arbitraries = [anyPlan, turn, turn, fc.nat(1000), fc.constantFrom(0, 160)] as const;
    await fc.assert(
      fc.asyncProperty(...arbitraries, async (plan, first, second, seed, room) => {
        const turns = [first, token, second, token];
        const options = { instructionMask: true, cache: 'fixed' } as const;
        await compareTurns(layout, plan, turns, seed, options, room);
      }),
      { numRuns: 6, seed: 32 },
    );
  },
);

describe('ratios at run time', () => {
  const plan = createPlan({
    accumulateLayers: [1, 2, 3],
    stages: [2, 3, 4].map((afterLayer) => ({ afterLayer, keepRatio: 0.5 })),
  });
  const spans = Array.from({ length: 30 }, (_, i) => (i >= 3 && i < 23 ? 1 : 0));
  const { model } = layouts.packed;
  const embeddings = randomEmbeddings(config, 30, 4);
  const withRatios = (ratios: readonly number[]) => ({
    extra: { [keepRatiosInput]: new Tensor('float32', Float32Array.from(ratios), [3]) },
  });

  test.each([[[0.875, 0.625, 0.125]], [[0.7, 0.35, 0.1]], [[1, 1, 1]]])(
    '%j gives what a plan with these ratios gives',
    async (ratios) => {
      const open = pruneModel(model, plan, { runtimeRatios: true, trace: true }).model;
      const fixed = {
        ...plan,
        stages: plan.stages.map((stage, i) => ({ ...stage, keepRatio: ratios[i] ?? 1 })),
      };
      const decoder = await openDecoder(encodeModel(open), config);
      const expected = await openDecoder(
        encodeModel(pruneModel(model, fixed, { trace: true }).model),
        config,
      );
      const step = await decoder.step(embeddings, spans, withRatios(ratios));
      const want = await expected.step(embeddings, spans);
      expect(step.extra).toEqual(want.extra);
      expect(maxDifference(step.logits, want.logits)).toBeLessThan(1e-6);
      const next = randomEmbeddings(config, 1, 5);
      const [a, b] = [await decoder.step(next, [0], withRatios(ratios)), await expected.step(next)];
      expect(maxDifference(a.logits, b.logits)).toBeLessThan(1e-6);
    },
  );

  test('one session serves every budget, and a later stage keeps no more than an earlier', async () => {
    const open = pruneModel(model, plan, { runtimeRatios: true }).model;
    const bytes = encodeModel(open);
    const counts = [];
    for (const ratios of [
      [1, 1, 1],
      [0.5, 0.25, 0.1],
      [0.25, 1, 1],
    ]) {
      const decoder = await openDecoder(bytes, config);
      const { cacheLengths } = await decoder.step(embeddings, spans, withRatios(ratios));
      counts.push(cacheLengths.slice(1));
    }
    expect(counts).toEqual([
      [30, 30, 30, 30, 30],
      [30, 20, 15, 12, 12],
      [30, 15, 15, 15, 15],
    ]);
  });
});

describe('batches', () => {
  interface Row extends Turn {
    readonly seed: number;
  }
  const zeros = (count: number) => new Array<number>(count).fill(0);
  const side = fc.constantFrom('left' as const, 'right' as const);
  const anyRows = fc.array(fc.tuple(turn, fc.nat(1000)), { minLength: 2, maxLength: 3 });

  /** Runs rows together and each alone; compares last logits in prefill and two decoding steps. */
  async function compareRows(
    layout: LayoutName,
    plan: PrunePlan,
    rows: readonly Row[],
    padding: 'left' | 'right',
    cacheRoom = 0,
  ) {
    const { model, config, checkpoint } = layouts[layout];
    const { hiddenSize, vocabularySize } = config;
    const cache = cacheRoom > 0 ? 'fixed' : 'growing';
    const options = { batch: true, instructionMask: true, cache } as const;
    const pruned = pruneModel(model, plan, options).model;
    const decoder = await openDecoder(encodeModel(pruned), { ...config, cacheRoom });
    const width = Math.max(...rows.map(({ spans }) => spans.length));
    const padded = <T>(values: readonly T[], blank: readonly T[]) =>
      padding === 'left' ? [...blank, ...values] : [...values, ...blank];
    const blanks = rows.map(({ spans }) => width - spans.length);
    const stages = plan.stages.map((_, stage) => stage);
    let masks = Object.fromEntries(
      stages.map((stage) => [`past_pruning.mask.${stage}`, longs([], [rows.length, 0])]),
    );
    let attention = rows.map(({ spans }, r) =>
      padded(
        spans.map(() => 1),
        zeros(blanks[r]!),
      ),
    );
    let caches = rows.map((): readonly LayerCache[] | undefined => undefined);
    let positions = rows.map(({ spans }, r) =>
      padded(
        spans.map((_, i) => i),
        zeros(blanks[r]!),
      ),
    );
    for (const at of [0, 1, 2]) {
      const tokens = at === 0 ? width : 1;
      const turns = rows.map((row) => (at === 0 ? row : { ...row, ...token }));
      const own = turns.map(({ spans, seed }) => [
        ...randomEmbeddings(config, spans.length, seed + at),
      ]);
      const fill = (r: number) => (at === 0 ? blanks[r]! : 0);
      const embeddings = own.flatMap((values, r) => padded(values, zeros(fill(r) * hiddenSize)));
      const marks = turns.map(({ instruction, spans }, r) =>
        padded(at === 0 && instruction ? instruction : spans.map(() => 0), zeros(fill(r))),
      );
      const options: StepOptions = {
        batch: rows.length,
        attentionMask: attention.flat(),
        positionIds: positions.flat(),
        extra: { ...masks, instruction_mask: longs(marks.flat(), [rows.length, tokens]) },
      };
      const spans = turns.flatMap((row, r) => padded(row.spans, zeros(fill(r))));
      const step = await decoder.step(Float32Array.from(embeddings), spans, options);
      const left = step.logitsShape[1]!;
      rows.forEach((row, r) => {
        const { spans } = turns[r]!;
        const expected = runReference(config, checkpoint, {
          inputsEmbeds: ndarray(own[r]!, [1, spans.length, hiddenSize]),
          imageMask: spans,
          instructionMask: at === 0 ? row.instruction : undefined,
          plan,
          cache: caches[r],
        });
        caches = caches.map((cache, i) => (i === r ? expected.cache : cache));
        // After a prune padding comes first, so the last row is the row's last token.
        const last = step.logits.slice((r + 1) * left * vocabularySize - vocabularySize);
        const logits = last.slice(0, vocabularySize);
        expect(maxDifference(logits, expected.logits.data.slice(-vocabularySize))).toBeLessThan(
          2e-4,
        );
      });
      masks = Object.fromEntries(
        stages.map((stage) => {
          const values = step.extra[`pruning.mask.${stage}`]!;
          const dims = [rows.length, values.length / rows.length];
          return [`past_pruning.mask.${stage}`, longs(values, dims)];
        }),
      );
      attention = attention.map((row) => [...row, 1]);
      positions = rows.map(({ spans }) => [spans.length + at]);
    }
  }

  test.each(layoutNames)('%s: each row gives what it gives alone', async (layout) => {
    await fc.assert(
      fc.asyncProperty(anyPlan, anyRows, side, async (plan, rows, padding) => {
        await compareRows(
          layout,
          plan,
          rows.map(([row, seed]) => ({ ...row, seed })),
          padding,
        );
      }),
      { numRuns: 8, seed: 31 },
    );
  });

  test.each(groupedLayouts)('%s: the same in caches with room for more', async (layout) => {
    await fc.assert(
      fc.asyncProperty(anyPlan, anyRows, side, async (plan, rows, padding) => {
        const own = rows.map(([row, seed]) => ({ ...row, seed }));
        await compareRows(layout, plan, own, padding, 80);
      }),
      { numRuns: 6, seed: 33 },
    );
  });

  test('a transition that is added up on the way takes no padding either', async () => {
    const plan = createPlan({
      accumulateLayers: [1, 2, 3, 4, 5],
      stages: [{ afterLayer: 5, keepRatio: 0.25 }],
    });
    const spans = (tokens: number) =>
      Array.from({ length: tokens }, (_, i) => (i > 1 && i < 9 ? 1 : 0));
    const rows = [12, 15].map((tokens, seed) => ({ spans: spans(tokens), seed }));
    await compareRows(layoutNames[0]!, plan, rows, 'left');
  });
});
