import { join } from 'node:path';
import type { ValueInfo } from '@transprune/session';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { answer } from '../../testing/ask.js';
import {
  fakeFiles,
  fakeVision,
  hostData,
  imageToken,
  imageTokens,
  loadFake,
  pixels,
  qwenFiles,
} from '../../testing/fake-model.js';

const image = join(samplesDirectory, 'scene-1.png');

describe('a model', () => {
  const grid: ValueInfo = { name: 'grid_thw', type: 'int64', shape: ['n', 3] };

  test('Qwen2-VL: text first, a grid beside the pixels, positions in three rows', async () => {
    const files = await qwenFiles();
    const vision = fakeVision([pixels, grid], ({ grid_thw: sizes }) => {
      const [t = 0, h = 0, w = 0] = hostData(sizes);
      return (t * h * w) / 4;
    });
    const positions: ValueInfo = { name: 'position_ids', type: 'int64', shape: [3, 'b', 's'] };
    const { engine, sessions } = await loadFake({
      files,
      vision,
      decoder: { extraInputs: [positions] },
    });
    const result = await answer(engine, { question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBeGreaterThan(3);
    expect(engine.imageTokenId).toBe(73);
    const total = result.prompt.textTokens + result.prompt.imageTokens;
    const fed = sessions.decoder_model_merged.runs.map(({ feeds }) => feeds.position_ids?.dims);
    expect(fed).toEqual([
      [3, 1, total],
      [3, 1, 1],
      [3, 1, 1],
    ]);
  });

  test('SmolVLM: an image in pieces, each with its tokens', async () => {
    const files = await fakeFiles({
      'config.json': {
        model_type: 'smolvlm',
        architectures: ['SmolVLMForConditionalGeneration'],
        image_token_index: undefined,
        image_token_id: imageToken,
      },
      'preprocessor_config.json': {
        image_processor_type: 'Idefics3ImageProcessor',
        processor_class: 'Idefics3Processor',
        do_image_splitting: true,
        size: { longest_edge: 96 },
        max_image_size: { longest_edge: 48 },
        crop_size: undefined,
      },
      'processor_config.json': { image_seq_len: 9 },
    });
    const inputs: ValueInfo[] = [
      { name: 'pixel_values', type: 'float32', shape: ['b', 'n', 3, 'h', 'w'] },
      { name: 'pixel_attention_mask', type: 'bool', shape: ['b', 'n', 'h', 'w'] },
    ];
    const vision = fakeVision(inputs, ({ pixel_values: values }) => 9 * (values?.dims[1] ?? 0));
    const { engine } = await loadFake({ files, vision });
    const result = await answer(engine, { question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBe(5 * 9);
    expect(vision.runs[0]?.feeds.pixel_attention_mask).toMatchObject({ type: 'bool' });
  });

  test('LLaVA: several images, each with tokens beside its patches', async () => {
    const files = await fakeFiles({ 'processor_config.json': { num_additional_image_tokens: 1 } });
    const each = imageTokens + 1;
    const vision = fakeVision(
      [pixels],
      ({ pixel_values: values }) => each * (values?.dims[0] ?? 0),
    );
    const { engine } = await loadFake({ files, vision });
    for (const images of [[image], [image, image], [image, image, image]]) {
      const { prompt } = await answer(engine, { question: 'what color is the cross', images });
      expect(prompt.imageTokens).toBe(images.length * each);
      const numbers = images.flatMap((_, i) => Array<number>(each).fill(i + 1));
      expect(prompt.imageNumbers).toEqual(numbers);
    }
  });

  test.each([null, undefined])('LLaVA: a patch_size of %s is that of config.json', async (size) => {
    const changes = { 'processor_config.json': { patch_size: size } };
    const { engine } = await loadFake({ files: await fakeFiles(changes) });
    const ask = { question: 'what color is the cross', images: [image] };
    expect((await answer(engine, ask)).prompt.imageTokens).toBe(imageTokens);
    const files = await fakeFiles({ ...changes, 'config.json': { vision_config: {} } });
    const { engine: unknown } = await loadFake({ files });
    await expect(answer(unknown, ask)).rejects.toThrow(/vision_config\.patch_size .*found neither/);
  });

  test('LLaVA-OneVision: its processor knows images only', async () => {
    const files = await fakeFiles({
      'config.json': { model_type: 'llava_onevision', architectures: [] },
      'preprocessor_config.json': {
        image_processor_type: 'LlavaOnevisionImageProcessor',
        processor_class: 'LlavaOnevisionProcessor',
      },
    });
    const { engine } = await loadFake({ files });
    const result = await answer(engine, { question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBe(imageTokens);
    expect(result.tokenIds).toEqual([7, 17, 2]);
  });

  test('a template in a file of its own is used', async () => {
    const files = await fakeFiles(
      { 'tokenizer_config.json': { chat_template: undefined } },
      { 'chat_template.jinja': '<image>{{ messages[0].content[1].text }} is' },
    );
    const { engine } = await loadFake({ files });
    const result = await answer(engine, { question: 'what color', images: [image] });
    expect(result.prompt.text).toBe('<image>what color is');
    const plain = await loadFake({
      files: await fakeFiles({ 'tokenizer_config.json': { chat_template: undefined } }),
    });
    const asked = await answer(plain.engine, { question: 'what color', images: [image] });
    expect(asked.prompt.text).toBe('<image>\nwhat color');
  });

  test('text models and encoder-decoders are refused', async () => {
    for (const change of [{ model_type: 'llama' }, { is_encoder_decoder: true }]) {
      const files = await fakeFiles({ 'config.json': change });
      await expect(loadFake({ files })).rejects.toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining('llava'),
      });
    }
  });
});
