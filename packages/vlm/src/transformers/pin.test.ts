/** What is relied on of transformers.js, at the version that it was read in. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as library from '@huggingface/transformers';
import { modelFolder } from '@transprune/files/node';
import { hubFolder } from '@transprune/fixtures';
import { describe, expect, test } from 'vitest';
import { capturingSession, type HostTensors } from './adapter.js';
import { readTexts } from './files.js';
import { modelClass } from './model-class.js';
import { idsTensor, toTransformers } from './tensors.js';

test('the version is the one that was read', () => {
  expect(library.env.version).toBe('4.3.1');
});

test('no other folder of the packages but the drop-in knows the library', () => {
  const packages = fileURLToPath(new URL('../../../', import.meta.url));
  const users = readdirSync(packages, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => sources(join(packages, name, 'src')))
    .filter((path) => /from '@huggingface\/transformers'|import\('@huggingface/.test(read(path)))
    .map((path) => path.slice(packages.length).split(sep).slice(0, -1).join('/'));
  const others = users.filter((folder) => !folder.startsWith('transformers/'));
  expect([...new Set(others)]).toEqual(['vlm/src/transformers']);
});

const read = (path: string) => readFileSync(path, 'utf8');
const sources = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => join(folder, path));

test('classes are made of parsed files', async () => {
  const texts = await readTexts(await modelFolder(hubFolder('gemma4')));
  expect(texts.processor).toBeInstanceOf(library.Gemma4Processor);
  expect(texts.processor.image_processor).toBeInstanceOf(library.Gemma4ImageProcessor);
  expect(texts.config.normalized_config).toBeDefined();
  expect(texts.tokenizer.eos_token).toBe('<eos>');
});

/** Runs a model's class on a text alone, on a decoder that takes what it is fed. */
async function feedsOf(model: Parameters<typeof hubFolder>[0], decoderInputs: readonly string[]) {
  const { config } = await readTexts(await modelFolder(hubFolder(model)));
  let fed: HostTensors = {};
  const zeros = { type: 'float32', dims: [1, 3, 2], data: new Float32Array(6) } as const;
  const instance = new (modelClass(config))(
    config,
    {
      embed_tokens: {
        inputNames: ['input_ids'],
        inputMetadata: [],
        run: async () => ({
          inputs_embeds: toTransformers(zeros),
          per_layer_inputs: toTransformers(zeros),
        }),
      },
      decoder_model_merged: capturingSession(decoderInputs, (feeds) => {
        fed = feeds;
      }),
    },
    { generation_config: {} },
  );
  const given = { input_ids: idsTensor([5, 6, 7]), attention_mask: idsTensor([1, 1, 1]) };
  const inputs = instance.prepare_inputs_for_generation([[5n, 6n, 7n]], given, {});
  await instance.forward(inputs);
  return { fed, inputs, instance };
}

describe('a model class', () => {
  test('runs a session that stands in for the decoder, with what the session names', async () => {
    const { fed, instance } = await feedsOf('llava', ['inputs_embeds', 'position_ids']);
    expect(Object.keys(fed).sort()).toEqual(['inputs_embeds', 'position_ids']);
    expect(fed.position_ids).toEqual({
      type: 'int64',
      dims: [1, 3],
      data: BigInt64Array.of(0n, 1n, 2n),
    });
    expect(instance.forward_params).toEqual(
      expect.arrayContaining(['input_ids', 'attention_mask', 'pixel_values']),
    );
  });

  test('counts from 1 for PaliGemma, and hands on what Gemma 4 embeds besides', async () => {
    const { fed } = await feedsOf('paligemma', ['inputs_embeds', 'position_ids']);
    expect(fed.position_ids?.data).toEqual(BigInt64Array.of(1n, 2n, 3n));
    const gemma = await feedsOf('gemma4', ['inputs_embeds', 'per_layer_inputs']);
    expect(gemma.fed.per_layer_inputs?.dims).toEqual([1, 3, 2]);
  });

  test('of the Qwen family counts a text without images twice', async () => {
    const { fed, inputs } = await feedsOf('qwen3_vl', ['inputs_embeds', 'position_ids']);
    expect(fed.position_ids?.dims).toEqual([3, 1, 3]);
    // Were this 0, `gapAfter` could go.
    expect([...inputs.rope_deltas.data].map(Number)).toEqual([6]);
  });

  test('makes logits processors of a generation configuration', async () => {
    const { instance } = await feedsOf('llava', ['inputs_embeds']);
    const config = instance._prepare_generation_config(null, { repetition_penalty: 2 });
    const maker = instance as unknown as {
      _get_logits_processor(config: object, length: number): { processors: unknown[] };
    };
    const { processors } = maker._get_logits_processor(config, 3);
    expect(processors).toEqual([expect.any(library.RepetitionPenaltyLogitsProcessor)]);
  });
});

describe('a processor', () => {
  const pixels = new library.RawImage(new Uint8ClampedArray(3 * 64 * 64).fill(90), 64, 64, 3);
  type Call = (...parts: unknown[]) => Promise<{ readonly input_ids: library.Tensor }>;
  const processorOf = async (model: Parameters<typeof hubFolder>[0]) => {
    const { processor, config } = await readTexts(await modelFolder(hubFolder(model)));
    const imageToken = BigInt(config.image_token_index ?? config.image_token_id ?? 0);
    const count = ({ data }: library.Tensor) =>
      [...(data as BigInt64Array)].filter((id) => id === imageToken).length;
    return { call: processor as unknown as Call, count };
  };

  test('of LLaVA writes out the first placeholder alone', async () => {
    const { call, count } = await processorOf('llava');
    const one = count((await call([pixels], '<image>')).input_ids);
    const two = count((await call([pixels, pixels], '<image><image>')).input_ids);
    expect([one, two]).toEqual([64, 65]);
  });

  test('of the Qwen family takes two images for frames', async () => {
    const { call } = await processorOf('qwen3_vl');
    const text = '<|vision_start|><|image_pad|><|vision_end|>';
    await expect(call(text + text, [pixels, pixels])).rejects.toThrow(/reading 'reduce'/);
  });

  test('of Gemma 4 takes audio third, of LFM2 images first', async () => {
    const gemma = await processorOf('gemma4');
    const { input_ids } = await gemma.call('<|image|>', [pixels], null, {});
    expect(gemma.count(input_ids)).toBeGreaterThan(1);
    const lfm = await processorOf('lfm2_vl');
    expect(lfm.count((await lfm.call([pixels], '<image>')).input_ids)).toBeGreaterThan(1);
  });
});
