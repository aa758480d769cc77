import { join } from 'node:path';
import { samplesDirectory } from '@transprune/embedded-model';
import { describe, expect, test } from 'vitest';
import { FakeTensor, fakeBackend } from '../../testing/fake-backend.js';
import {
  type FakeDecoderOptions,
  fakeDecoder,
  fakeEmbedding,
  fakeFiles,
  fakeVision,
} from '../../testing/fake-vlm.js';
import type { HostTensor, Session, ValueInfo } from '../backend.js';
import type { VlmFiles } from './files.js';
import { loadVlm } from './load.js';

const image = join(samplesDirectory, 'scene-1.png');
const imageToken = 4;
const imageTokens = 144;
const pixels: ValueInfo = { name: 'pixel_values', type: 'float32', shape: ['n', 3, 'h', 'w'] };

interface Setup {
  readonly files?: VlmFiles;
  readonly decoder?: Partial<FakeDecoderOptions>;
  readonly vision?: ReturnType<typeof fakeVision>;
}

async function load({ files, decoder, vision }: Setup = {}) {
  const sessions = {
    vision_encoder: vision ?? fakeVision([pixels], () => imageTokens),
    embed_tokens: fakeEmbedding(),
    decoder_model_merged: fakeDecoder({ answer: [7, 17], ...decoder }),
  };
  const vlm = await loadVlm({
    files: files ?? (await fakeFiles()),
    backend: fakeBackend(sessions),
  });
  return { vlm, sessions };
}

const hostData = (tensor: unknown) => Array.from((tensor as HostTensor).data, Number);

describe('generate', () => {
  test('feeds the decoder whole prompts, then single tokens', async () => {
    const { vlm, sessions } = await load();
    const result = await vlm.generate({ question: 'what color is the cross', images: [image] });
    expect(result.tokenIds).toEqual([7, 17, 2]);
    expect(result.finishReason).toBe('stop');
    const { runs } = sessions.decoder_model_merged;
    const prompt = imageTokens + result.prompt.textTokens;
    expect(runs.map(({ feeds }) => feeds.inputs_embeds?.dims[1])).toEqual([prompt, 1, 1]);
    expect(runs.map(({ feeds }) => feeds.attention_mask?.dims[1])).toEqual([
      prompt,
      prompt + 1,
      prompt + 2,
    ]);
    expect(runs.some(({ feeds }) => 'image_mask' in feeds)).toBe(false);
    expect(result.cache).toEqual({
      lengths: [prompt + 2, prompt + 2],
      bytes: 4 * 2 * 4 * (prompt + 2),
    });
  });

  test('makes empty caches from the config where the graph names no sizes', async () => {
    const sizes = { num_attention_heads: 6, num_key_value_heads: 2, hidden_size: 30 };
    const text_config = { model_type: 'llama', num_hidden_layers: 2, ...sizes };
    const { vlm, sessions } = await load({
      files: await fakeFiles({ 'config.json': { text_config } }),
    });
    await vlm.generate({ question: 'what color is the cross', maxNewTokens: 1 });
    expect(sessions.decoder_model_merged.runs[0]?.feeds['past_key_values.0.key']?.dims).toEqual([
      1, 2, 0, 5,
    ]);
  });

  test('merges the image features in place of the image tokens', async () => {
    const { vlm, sessions } = await load();
    const { prompt } = await vlm.generate({ question: 'what color is the cross', images: [image] });
    const embeddings = hostData(sessions.decoder_model_merged.runs[0]?.feeds.inputs_embeds);
    const ones = embeddings.flatMap((value, i) => (value === 1 && i % 4 === 0 ? [i / 4] : []));
    expect(ones).toEqual(prompt.imagePositions);
  });

  test('leaves caches on the device and disposes them all', async () => {
    const { vlm, sessions } = await load();
    await vlm.generate({ question: 'what color is the cross', images: [image] });
    const { runs } = sessions.decoder_model_merged;
    const given = runs.slice(1).map(({ feeds }) => feeds['past_key_values.1.value']);
    expect(given).toHaveLength(2);
    for (const tensor of given) expect(tensor).toMatchObject({ downloads: 0, disposals: 1 });
    expect(given.every((tensor) => tensor instanceof FakeTensor)).toBe(true);
  });

  test('serves overlapping calls one after the other', async () => {
    const { vlm, sessions } = await load();
    await Promise.all([
      vlm.generate({ question: 'what color is the cross', images: [image] }),
      vlm.generate({ question: 'what color is the cross', images: [image] }),
    ]);
    const past = sessions.decoder_model_merged.runs.map(
      ({ feeds }) => feeds['past_key_values.0.key']?.dims[2],
    );
    expect(past.map((length) => length === 0)).toEqual([true, false, false, true, false, false]);
  });

  test('goes on behind a call that failed', async () => {
    const { vlm } = await load();
    const failed = vlm.generate({ question: 'what color', images: ['nothing.png'] });
    const answered = vlm.generate({ question: 'what color is the cross', images: [image] });
    await expect(failed).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await answered).tokenIds).toEqual([7, 17, 2]);
  });

  test('says when features and image tokens differ', async () => {
    const { vlm } = await load({ vision: fakeVision([pixels], () => 100) });
    await expect(vlm.generate({ question: 'what color', images: [image] })).rejects.toMatchObject({
      code: 'INVALID_MODEL',
      data: { imageTokens: 144, imageFeatures: 100 },
    });
  });
});

describe('a decoder with an image mask', () => {
  const keep = (mask: BigInt64Array) =>
    Array.from(mask, Number).flatMap((flag, i) => (flag === 0 || i % 4 === 0 ? [i] : []));

  test('gets the mask at the prefill and zeros behind it', async () => {
    const { vlm, sessions } = await load({ decoder: { keep } });
    const { prompt } = await vlm.generate({ question: 'what color is the cross', images: [image] });
    const [prefill, ...steps] = sessions.decoder_model_merged.runs.map(
      ({ feeds }) => feeds.image_mask,
    );
    const marked = hostData(prefill).flatMap((flag, i) => (flag === 1 ? [i] : []));
    expect(prefill?.dims).toEqual([1, prompt.textTokens + imageTokens]);
    expect(marked).toEqual(prompt.imagePositions);
    expect(marked).toHaveLength(imageTokens);
    for (const step of steps) expect(hostData(step)).toEqual([0]);
  });

  test('gets zeros for a prompt without image, also behind one with', async () => {
    const { vlm, sessions } = await load({ decoder: { keep } });
    await vlm.generate({ question: 'what color is the cross', images: [image] });
    const result = await vlm.generate({ question: 'what color is the cross' });
    const prefill = sessions.decoder_model_merged.runs.at(-3)?.feeds.image_mask;
    expect(hostData(prefill)).toEqual(new Array(result.prompt.textTokens).fill(0));
  });

  test('tells at the prefill only what it kept; its deeper caches are shorter', async () => {
    const { vlm, sessions } = await load({ decoder: { keep } });
    const { stages, cache, prompt } = await vlm.generate({
      question: 'what color is the cross',
      images: [image],
    });
    const total = prompt.textTokens + imageTokens;
    expect(stages).toHaveLength(1);
    expect(stages[0]?.keptImageTokens).toHaveLength(36);
    expect(stages[0]?.kept).toHaveLength(36 + prompt.textTokens);
    expect(stages[0]?.keptImageTokens[0]).toBe(prompt.imagePositions.findIndex((p) => p % 4 === 0));
    expect(stages[0]?.scores).toHaveLength(total);
    expect(cache.lengths).toEqual([total + 2, 36 + prompt.textTokens + 2]);
    const [prefill, step] = sessions.decoder_model_merged.runs;
    expect(prefill?.fetch).toBeUndefined();
    expect(step?.fetch).not.toContain('pruning.kept.0');
    expect(step?.fetch).toContain('present.1.value');
  });

  test('may replace another one; each has its own record', async () => {
    const { vlm, sessions } = await load();
    const pruned = fakeDecoder({ answer: [9], keep });
    const files = await fakeFiles();
    const backend = fakeBackend({ ...sessions, pruned });
    const base = await loadVlm({ files, backend });
    const other = await base.withDecoder({ path: 'pruned' });
    const ask = { question: 'what color is the cross', images: [image] };
    expect((await base.generate(ask)).stages).toHaveLength(0);
    expect((await other.generate(ask)).stages).toHaveLength(1);
    await other.dispose();
    expect([pruned.disposals, sessions.vision_encoder.disposals]).toEqual([1, 0]);
    await base.dispose();
    expect(sessions.vision_encoder.disposals).toBe(1);
    await vlm.dispose();
  });
});

describe('other models', () => {
  const grid: ValueInfo = { name: 'grid_thw', type: 'int64', shape: ['n', 3] };

  test('Qwen2-VL: text first, a grid beside the pixels, positions in three rows', async () => {
    const files = await fakeFiles({
      'config.json': {
        model_type: 'qwen2_vl',
        architectures: ['Qwen2VLForConditionalGeneration'],
        image_token_index: undefined,
        image_token_id: 73,
        vision_start_token_id: 74,
        vision_config: { spatial_merge_size: 2 },
        num_hidden_layers: 2,
        num_attention_heads: 2,
        num_key_value_heads: 1,
        hidden_size: 4,
        text_config: undefined,
      },
      'preprocessor_config.json': {
        image_processor_type: 'Qwen2VLImageProcessor',
        processor_class: 'Qwen2VLProcessor',
        min_pixels: 56 * 56,
        max_pixels: 112 * 112,
        patch_size: 14,
        temporal_patch_size: 2,
        merge_size: 2,
        size: undefined,
        crop_size: undefined,
      },
      'tokenizer_config.json': {
        chat_template:
          '{% for part in messages[0].content %}{% if part.type == "image" %}<|vision_start|><|image_pad|>{% else %}{{ part.text }}{% endif %}{% endfor %}',
      },
      'tokenizer.json': {
        added_tokens: ['<unk>', '<s>', '</s>', '<pad>']
          .map(special)
          .concat(special('<|image_pad|>', 73), special('<|vision_start|>', 74)),
      },
    });
    const vision = fakeVision([pixels, grid], ({ grid_thw: sizes }) => {
      const [t = 0, h = 0, w = 0] = hostData(sizes);
      return (t * h * w) / 4;
    });
    const positions: ValueInfo = { name: 'position_ids', type: 'int64', shape: [3, 'b', 's'] };
    const { vlm, sessions } = await load({ files, vision, decoder: { extraInputs: [positions] } });
    const result = await vlm.generate({ question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBeGreaterThan(3);
    expect(vlm.imageTokenId).toBe(73);
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
    const { vlm } = await load({ files, vision });
    const result = await vlm.generate({ question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBe(5 * 9);
    expect(vision.runs[0]?.feeds.pixel_attention_mask).toMatchObject({ type: 'bool' });
  });

  test('LLaVA-OneVision: its processor knows images only', async () => {
    const files = await fakeFiles({
      'config.json': { model_type: 'llava_onevision', architectures: [] },
      'preprocessor_config.json': {
        image_processor_type: 'LlavaOnevisionImageProcessor',
        processor_class: 'LlavaOnevisionProcessor',
      },
    });
    const { vlm } = await load({ files });
    const result = await vlm.generate({ question: 'what color is the cross', images: [image] });
    expect(result.prompt.imageTokens).toBe(imageTokens);
    expect(result.tokenIds).toEqual([7, 17, 2]);
  });

  test('a template in a file of its own is used', async () => {
    const files = await fakeFiles(
      { 'tokenizer_config.json': { chat_template: undefined } },
      { 'chat_template.jinja': '<image>{{ messages[0].content[1].text }} is' },
    );
    const { vlm } = await load({ files });
    const result = await vlm.generate({ question: 'what color', images: [image] });
    expect(result.prompt.text).toBe('<image>what color is');
    const plain = await load({
      files: await fakeFiles({ 'tokenizer_config.json': { chat_template: undefined } }),
    });
    const asked = await plain.vlm.generate({ question: 'what color', images: [image] });
    expect(asked.prompt.text).toBe('<image>\nwhat color');
  });

  test('text models and encoder-decoders are refused', async () => {
    for (const change of [{ model_type: 'llama' }, { is_encoder_decoder: true }]) {
      const files = await fakeFiles({ 'config.json': change });
      await expect(load({ files })).rejects.toMatchObject({
        code: 'UNSUPPORTED_MODEL',
        message: expect.stringContaining('llava'),
      });
    }
  });
});

test('what is opened before a failure is disposed', async () => {
  const sessions: Record<string, Session> = {
    vision_encoder: fakeVision([pixels], () => 1),
    embed_tokens: fakeEmbedding(),
  };
  const loading = loadVlm({ files: await fakeFiles(), backend: fakeBackend(sessions) });
  await expect(loading).rejects.toMatchObject({
    code: 'DEVICE_UNAVAILABLE',
    message:
      'device auto of backend fake cannot be used: there is no such session; choose another of fake, or auto',
  });
  expect(sessions.vision_encoder).toMatchObject({ disposals: 1 });
  expect(sessions.embed_tokens).toMatchObject({ disposals: 1 });
});

function special(content: string, id: number) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id, content, special: true, ...flags };
}
