import { describe, expect, it } from 'vitest';
import { hubConfigs } from '../../testing/hub-configs.js';
import { cacheBytes, decoderCost } from '../full/decoder.js';
import { modelFromConfig } from './config.js';
import { attentionLayers } from './decoder.js';

/** Counted off the nodes of each decoder's graph. */
const graphs: Readonly<
  Record<
    keyof typeof hubConfigs,
    {
      /** Elements of the second inputs of all MatMul nodes but the last. */
      readonly weights: number;
      /** Of the last. */
      readonly head: number;
      /** Elements of the filters of Conv and CausalConvWithState nodes. */
      readonly filters: number;
      /** Of all `past_key_values.*` inputs, for one token. */
      readonly keyValues: number;
      /** Of all `past_conv.*` and `past_recurrent.*` inputs. */
      readonly states: readonly [conv: number, recurrent: number];
      /** Layers, from 1, with inputs `past_key_values.*` of their own. */
      readonly caches: readonly number[];
      /** Multiply-adds of prompts of 24 and 60 tokens, by the shapes that its nodes saw when it ran. */
      readonly prompts: readonly [number, number];
    }
  >
> = {
  llava: llamaLike(196608, 18432, [5750976, 16589280]),
  idefics3: llamaLike(196608, 18432, [5750976, 16589280]),
  paligemma: llamaLike(196608, 18432, [5750976, 16589280]),
  qwen2_5_vl: llamaLike(196608, 18432, [5751360, 16590240]),
  qwen3_vl: llamaLike(245760, 19200, [6948864, 19584000]),
  qwen3_5: {
    weights: 281600,
    head: 19200,
    filters: 6 * 128 * 4,
    keyValues: 2 * 2 * 2 * 16,
    states: [6 * 128 * 3, 6 * 4 * 16 * 16],
    caches: [4, 8],
    prompts: [7882752, 20259840],
  },
  lfm2_vl: {
    weights: 266240,
    head: 19200,
    filters: 5 * 64 * 3,
    keyValues: 3 * 2 * 2 * 16,
    states: [5 * 64 * 3, 0],
    caches: [3, 5, 7],
    prompts: [7095744, 18567360],
  },
  gemma4: {
    weights: 358400,
    head: 19200,
    filters: 0,
    keyValues: 5 * 2 * 16 + 2 * 32,
    states: [0, 0],
    caches: [1, 2, 3, 4, 5, 6],
    prompts: [9947136, 26465280],
  },
};

function llamaLike(weights: number, head: number, prompts: readonly [number, number]) {
  const caches = [1, 2, 3, 4, 5, 6, 7, 8];
  const keyValues = 8 * 2 * 2 * 16;
  return { weights, head, filters: 0, keyValues, states: [0, 0], caches, prompts } as const;
}

const names = Object.keys(graphs) as (keyof typeof graphs)[];
const one = { tokens: 1, keys: 0 };

describe.each(names)('%s', (name) => {
  const graph = graphs[name];
  const { decoder } = modelFromConfig(hubConfigs[name]);
  const loads = decoder.layers.map(() => one);

  it("has the matrices of its graph's nodes", () => {
    const { projections, mlp, lmHead } = decoderCost(decoder, loads, 1);
    expect(projections + mlp).toBe(graph.weights);
    expect(lmHead).toBe(graph.head);
  });

  it('has the filters of its graph, and three passes over each state of the delta rule', () => {
    const { attention } = decoderCost(decoder, loads, 1);
    expect(attention).toBe(graph.filters + 3 * graph.states[1]);
  });

  it('keeps what the inputs of its graph hold', () => {
    const bytes = (length: number, perElement: number) =>
      cacheBytes(
        decoder,
        decoder.layers.map(() => length),
        perElement,
      );
    const [conv, recurrent] = graph.states;
    expect(bytes(7, 4)).toBe(4 * (7 * graph.keyValues + conv + recurrent));
    expect(bytes(7, 2)).toBe(2 * (7 * graph.keyValues + conv) + 4 * recurrent);
  });

  it.each([24, 60] as const)('costs a prompt of %i tokens what its graph does', (tokens) => {
    const prompt = decoder.layers.map(() => ({ tokens, keys: tokens }));
    const products = graph.prompts[tokens === 24 ? 0 : 1];
    const { total } = decoderCost(decoder, prompt, tokens);
    expect(Math.abs(total / products - 1)).toBeLessThan(0.0002);
  });

  it('has its own keys where its graph has a cache', () => {
    const own = decoder.layers.flatMap(({ mixer }, at) =>
      mixer.kind === 'attention' && mixer.lender === null ? [at + 1] : [],
    );
    expect(own).toEqual(graph.caches);
  });
});

describe('layers that may follow a prune', () => {
  const layersOf = (name: keyof typeof hubConfigs) =>
    attentionLayers(modelFromConfig(hubConfigs[name]).decoder);

  it('have attention', () => {
    expect(layersOf('llava')).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(layersOf('qwen3_5')).toEqual([4, 8]);
    expect(layersOf('lfm2_vl')).toEqual([3, 5, 7]);
  });

  it('are none after a layer that lends its keys: layers 5 and 6 of Gemma 4 do', () => {
    expect(layersOf('gemma4')).toEqual([1, 2, 3, 4, 5]);
    const lenders = modelFromConfig(hubConfigs.gemma4).decoder.layers.map(
      ({ mixer }) => mixer.kind === 'attention' && mixer.lender,
    );
    expect(lenders).toEqual([...Array(6).fill(null), 6, 6, 6, 5]);
  });
});

it('states the image tokens of one picture and what they assume', () => {
  const rows = names.map((name) => {
    const { imageTokens, imageAssumption } = modelFromConfig(hubConfigs[name]);
    return `${name}: ${imageTokens} (${imageAssumption})`;
  });
  expect(rows).toMatchInlineSnapshot(`
    [
      "llava: 64 (one tile; a tile is 96 x 96 pixels and 64 tokens)",
      "idefics3: 208 (a 4:3 picture in 13 tiles, 4 x 3 and the overview; a tile is 64 x 64 pixels and 16 tokens)",
      "paligemma: 64 (one picture of 80 x 80 pixels)",
      "qwen2_5_vl: 1764 (one picture of 672 x 672 pixels)",
      "qwen3_vl: 1764 (one picture of 672 x 672 pixels)",
      "qwen3_5: 1764 (one picture of 672 x 672 pixels)",
      "lfm2_vl: 198 (a large 4:3 picture in 2 x 2 tiles of 96 x 96 pixels and 36 tokens each, and the overview of 54)",
      "gemma4: 64 (one picture that fills its budget of 64 tokens)",
    ]
  `);
});
