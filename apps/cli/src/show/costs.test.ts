import {
  createPlan,
  type DecoderConfig,
  methodNames,
  type PrunePlan,
  presetPlan,
  uniformNoise,
} from '@transprune/core';
import { type DecoderDescription, llamaDecoder } from '@transprune/flops';
import {
  type BuildOptions,
  buildDecoder,
  type OnnxModel,
  pruneModel,
  randomWeights,
  readDecoder,
} from '@transprune/onnx';
import type { PrefillCall } from '@transprune/session';
import { describe, expect, test } from 'vitest';
import { graphProducts } from '../../testing/graph-products.js';
import { decoderModel, descriptionOf } from '../model/sizes.js';
import { costReport } from './costs.js';

const sizes: DecoderConfig = {
  layers: 8,
  hiddenSize: 96,
  heads: 6,
  kvHeads: 2,
  headDim: 32,
  intermediateSize: 160,
  vocabularySize: 200,
  rmsNormEpsilon: 1e-5,
  ropeTheta: 10000,
  maxPositions: 256,
  tiedEmbeddings: false,
};
const imageTokens = 96;
const textTokens = 24;
const before = 4;

const prompt: PrefillCall = {
  embeddings: {
    type: 'float32',
    dims: [1, imageTokens + textTokens, sizes.hiddenSize],
    data: uniformNoise(1, (imageTokens + textTokens) * sizes.hiddenSize).map((u) => 2 * u - 1),
  },
  images: Array.from({ length: imageTokens + textTokens }, (_, i) =>
    i >= before && i < before + imageTokens ? 1 : 0,
  ),
};

/** What flops counts of a prompt: the decoder, and the matrix products of the scoring. */
function counted(plan: PrunePlan, config: DecoderConfig) {
  const { full } = costReport(decoderModel('built', llamaDecoder(config), imageTokens), plan, {
    imageTokens,
    textTokens,
    instructionTokens: textTokens - before,
  });
  const { decoder, scoring } = full.pruned.prefill;
  return decoder.total + scoring.multiplyAdds + scoring.earlyProjections;
}

const layouts: readonly [string, BuildOptions, Partial<DecoderConfig>][] = [
  ['group-query, packed', {}, {}],
  ['group-query, split', { projections: 'split', rotary: 'separate' }, {}],
  ['multi-head', { attention: 'multi-head' }, { kvHeads: 6 }],
  ['int4', { precision: 'int4' }, {}],
];

describe("the full convention agrees with the graph's own matrix products within 1 %", () => {
  const none = createPlan({ stages: [] });
  const plans: readonly [string, PrunePlan][] = [
    ['unpruned', none],
    ['High', presetPlan('transprune-high', sizes.layers).plan],
    ['Low', presetPlan('transprune-low', sizes.layers).plan],
  ];
  const cases = layouts.flatMap(([layout, options, more]) =>
    plans.map(([name, plan]) => ({ layout, options, config: { ...sizes, ...more }, name, plan })),
  );

  test.each(cases)('$layout, $name', async ({ options, config, plan }) => {
    const built = buildDecoder(config, randomWeights(1), options);
    const model = plan.stages.length > 0 ? pruneModel(built, plan).model : built;
    const products = await graphProducts(model, prompt, config);
    const ours = counted(plan, config);
    expect(Math.abs(ours / products - 1)).toBeLessThan(0.01);
  });

  test.each(methodNames)('%s', async (method) => {
    const plan = { ...presetPlan('transprune-high', sizes.layers).plan, method };
    const pruned = pruneModel(buildDecoder(sizes, randomWeights(1)), plan);
    const products = await graphProducts(pruned.model, prompt, sizes);
    expect(Math.abs(counted(plan, sizes) / products - 1)).toBeLessThan(0.01);
  });

  test('with a window in every other layer', async () => {
    const window = 40;
    const architecture = { localWindow: window, localLayers: 'alternate' } as const;
    const built = buildDecoder(sizes, randomWeights(1), { architecture });
    const decoder = llamaDecoder(sizes);
    const layers = decoder.layers.map(({ mixer, ...layer }, at) => ({
      ...layer,
      mixer: at % 2 === 0 && mixer.kind === 'attention' ? { ...mixer, window } : mixer,
    }));
    await expectProducts(built, { ...decoder, layers });
  });

  test('with experts, of which each token passes some', async () => {
    const experts = { count: 8, perToken: 3 };
    const built = buildDecoder(sizes, randomWeights(1), { architecture: { experts } });
    await expectProducts(built, descriptionOf(readDecoder(built)));
  });

  async function expectProducts(built: OnnxModel, decoder: DecoderDescription) {
    const model = decoderModel('built', decoder, imageTokens);
    const { full } = costReport(model, none, { imageTokens, textTokens });
    const products = await graphProducts(built, prompt, sizes);
    expect(full.pruned.prefill.decoder.total).toBe(products);
  }
});
