/** What a score is made of, and the score. */
import {
  arrayAlgebra,
  createPlan,
  instructionAttention,
  layerTransition,
  methodOf,
  type NDArray,
  ndarray,
  type SignalName,
} from '@transprune/core';
import { maxDifference } from '@transprune/fixtures';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { smallConfig as config, randomEmbeddings } from '../../../testing/random-decoder.js';
import { buildDecoder } from '../../builder/decoder.js';
import { namedRandomWeights } from '../../builder/weights.js';
import { encodeModel } from '../../model/codec.js';
import { pruneModel } from '../prune.js';

const plan = createPlan({
  accumulateLayers: [1, 2, 3],
  stages: [
    { afterLayer: 2, keepRatio: 0.5 },
    { afterLayer: 3, keepRatio: 0.25 },
  ],
});

test.each([
  { mergedBranches: false, accumulation: 'cumulative' },
  { mergedBranches: true, accumulation: 'cumulative' },
  { mergedBranches: false, accumulation: 'per-stage' },
] as const)(
  'taps hold what each score is made of, merged branches: $mergedBranches, accumulation $accumulation',
  async ({ mergedBranches, accumulation }) => {
    const original = buildDecoder(config, namedRandomWeights(1), { mergedBranches });
    const { model, report } = pruneModel(
      original,
      { ...plan, accumulation },
      { taps: true, trace: true },
    );
    const session = await InferenceSession.create(encodeModel(model));
    const tokens = 20;
    const long = (values: readonly number[], dims: readonly number[]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const ones = new Array<number>(tokens).fill(1);
    const sizes = [1, config.kvHeads, 0, config.headDim];
    const empty = new Tensor('float32', new Float32Array(), sizes);
    const known: Record<string, Tensor> = {
      inputs_embeds: new Tensor('float32', randomEmbeddings(config, tokens, 3), [
        1,
        tokens,
        config.hiddenSize,
      ]),
      attention_mask: long(ones, [1, tokens]),
      position_ids: long([...ones.keys()], [1, tokens]),
      image_mask: long(
        ones.map((_, i) => (i >= 3 && i < 15 ? 1 : 0)),
        [1, tokens],
      ),
      use_cache_branch: new Tensor('bool', Uint8Array.of(0), [1]),
    };
    const feeds = Object.fromEntries(
      session.inputNames.map((name) => [name, known[name] ?? empty]),
    );
    const results = await session.run(feeds);
    const read = (name: string | undefined) => {
      const { data, dims } = results[name ?? '']!;
      return ndarray(Float64Array.from(data as Float32Array, Number), dims);
    };
    expect(report.taps.map(({ layers }) => layers.map(({ layer }) => layer))).toEqual([
      [1, 2],
      [3],
    ]);
    report.taps.forEach((taps, stage) => {
      const added = taps.layers
        .map(({ modules }) =>
          layerTransition(
            arrayAlgebra,
            modules.map(({ input, output }) => ({ input: read(input), output: read(output) })),
            plan,
          ),
        )
        .reduce((sum, value) => arrayAlgebra.add(sum, value));
      const transition = read(taps.transition);
      const difference = maxDifference(transition.data, added.data);
      if (stage === 0 || accumulation === 'per-stage') expect(difference).toBeLessThan(1e-6);
      else expect(difference).toBeGreaterThan(1e-3);
      const attention = taps.instructionAttention!;
      const received = instructionAttention(arrayAlgebra, {
        logits: read(attention.logits),
        bias: read(attention.bias),
      });
      expect(read(attention.past).data).toEqual(Float64Array.of(0));
      const imageMask = read(taps.imageMask);
      const score = methodOf(plan).score(
        arrayAlgebra,
        { transition, instructionAttention: received } as Record<SignalName, NDArray>,
        imageMask,
      );
      const own = arrayAlgebra.multiply(score, imageMask).data;
      expect(maxDifference(read(`pruning.score.${stage}`).data, own)).toBeLessThan(1e-6);
      expect(read(attention.attended).data.length).toBeGreaterThan(0);
    });
  },
);

test('without being asked for there are none', () => {
  const original = buildDecoder(config, namedRandomWeights(1));
  const { model, report } = pruneModel(original, plan);
  expect(report.taps).toEqual([]);
  expect(model.graph?.output.filter(({ name }) => name.includes('tap'))).toEqual([]);
});
