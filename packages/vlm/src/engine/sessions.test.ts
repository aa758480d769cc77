import { join } from 'node:path';
import type { Session } from '@transprune/session';
import { samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { answer } from '../../testing/ask.js';
import { FakeTensor, fakeBackend } from '../../testing/fake-backend.js';
import {
  fakeDecoder,
  fakeEmbedding,
  fakeFiles,
  fakeVision,
  hostData,
  imageTokens,
  loadFake,
  pixels,
} from '../../testing/fake-model.js';
import { createEngine } from '../create.js';

const image = join(samplesDirectory, 'scene-1.png');

describe('generate', () => {
  test('feeds the decoder whole prompts, then single tokens', async () => {
    const { engine, sessions } = await loadFake();
    const result = await answer(engine, { question: 'what color is the cross', images: [image] });
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
    const size = (tokens: number) => ({
      lengths: [tokens, tokens],
      bytes: 4 * 4 * 32 * 4 * tokens,
    });
    expect(result.cache).toEqual({ afterPrefill: size(prompt), atEnd: size(prompt + 2) });
  });

  test('makes empty caches from the config where the graph names no sizes', async () => {
    const sizes = { num_attention_heads: 6, num_key_value_heads: 2, hidden_size: 30 };
    const text_config = { model_type: 'llama', num_hidden_layers: 2, ...sizes };
    const { engine, sessions } = await loadFake({
      files: await fakeFiles({ 'config.json': { text_config } }),
    });
    await answer(engine, { question: 'what color is the cross', maxNewTokens: 1 });
    expect(sessions.decoder_model_merged.runs[0]?.feeds['past_key_values.0.key']?.dims).toEqual([
      1, 2, 0, 5,
    ]);
  });

  test('merges the image features in place of the image tokens', async () => {
    const { engine, sessions } = await loadFake();
    const { prompt } = await answer(engine, {
      question: 'what color is the cross',
      images: [image],
    });
    const embeddings = hostData(sessions.decoder_model_merged.runs[0]?.feeds.inputs_embeds);
    const ones = embeddings.flatMap((value, i) => (value === 1 && i % 4 === 0 ? [i / 4] : []));
    expect(ones).toEqual(prompt.imagePositions);
  });

  test('leaves caches on the device and disposes them all', async () => {
    const { engine, sessions } = await loadFake();
    await answer(engine, { question: 'what color is the cross', images: [image] });
    const { runs } = sessions.decoder_model_merged;
    const given = runs.slice(1).map(({ feeds }) => feeds['past_key_values.1.value']);
    expect(given).toHaveLength(2);
    for (const tensor of given) expect(tensor).toMatchObject({ downloads: 0, disposals: 1 });
    expect(given.every((tensor) => tensor instanceof FakeTensor)).toBe(true);
  });

  test('serves overlapping calls in turns', async () => {
    const { engine, sessions } = await loadFake();
    const request = { question: 'what color is the cross' };
    const results = await Promise.all([answer(engine, request), answer(engine, request)]);
    expect(results.map(({ tokenIds }) => tokenIds)).toEqual([
      [7, 17, 2],
      [7, 17, 2],
    ]);
    const past = sessions.decoder_model_merged.runs.map(
      ({ feeds }) => feeds['past_key_values.0.key']?.dims[2],
    );
    const prompt = results[0]?.prompt.textTokens ?? 0;
    expect(past).toEqual([0, prompt, 0, prompt + 1, prompt, prompt + 1]);
  });

  test('goes on after a call that failed', async () => {
    const { engine } = await loadFake();
    const failed = answer(engine, { question: 'what color', images: ['nothing.png'] });
    const answered = answer(engine, { question: 'what color is the cross', images: [image] });
    await expect(failed).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await answered).tokenIds).toEqual([7, 17, 2]);
  });

  test('says when features and image tokens differ', async () => {
    const { engine } = await loadFake({ vision: fakeVision([pixels], () => 100) });
    await expect(answer(engine, { question: 'what color', images: [image] })).rejects.toMatchObject(
      {
        code: 'INVALID_MODEL',
        data: { imageTokens: 144, imageFeatures: 100 },
      },
    );
  });
});

describe('a decoder with an image mask', () => {
  const keep = (mask: BigInt64Array) =>
    Array.from(mask, Number).flatMap((flag, i) => (flag === 0 || i % 4 === 0 ? [i] : []));

  test('gets the mask at the prefill and zeros after it', async () => {
    const { engine, sessions } = await loadFake({ decoder: { keep } });
    const { prompt } = await answer(engine, {
      question: 'what color is the cross',
      images: [image],
    });
    const [prefill, ...steps] = sessions.decoder_model_merged.runs.map(
      ({ feeds }) => feeds.image_mask,
    );
    const marked = hostData(prefill).flatMap((flag, i) => (flag === 1 ? [i] : []));
    expect(prefill?.dims).toEqual([1, prompt.textTokens + imageTokens]);
    expect(marked).toEqual(prompt.imagePositions);
    expect(marked).toHaveLength(imageTokens);
    for (const step of steps) expect(hostData(step)).toEqual([0]);
  });

  test('gets zeros for a prompt without image, also after one with', async () => {
    const { engine, sessions } = await loadFake({ decoder: { keep } });
    await answer(engine, { question: 'what color is the cross', images: [image] });
    const result = await answer(engine, { question: 'what color is the cross' });
    const prefill = sessions.decoder_model_merged.runs.at(-3)?.feeds.image_mask;
    expect(hostData(prefill)).toEqual(new Array(result.prompt.textTokens).fill(0));
  });

  test('tells at the prefill only what it kept; its deeper caches are shorter', async () => {
    const { engine, sessions } = await loadFake({ decoder: { keep } });
    const { stages, cache, prompt } = await answer(engine, {
      question: 'what color is the cross',
      images: [image],
    });
    const total = prompt.textTokens + imageTokens;
    expect(stages).toHaveLength(1);
    expect(stages[0]?.keptImageTokens).toHaveLength(36);
    expect(stages[0]?.kept).toHaveLength(36 + prompt.textTokens);
    expect(stages[0]?.keptImageTokens[0]).toBe(prompt.imagePositions.findIndex((p) => p % 4 === 0));
    expect(stages[0]?.scores).toHaveLength(total);
    expect(cache.atEnd.lengths).toEqual([total + 2, 36 + prompt.textTokens + 2]);
    const [prefill, step] = sessions.decoder_model_merged.runs;
    expect(prefill?.fetch).toContain('pruning.kept.0');
    expect(step?.fetch).not.toContain('pruning.kept.0');
    expect(step?.fetch).toContain('present.1.value');
  });

  test('leaves nothing on the device', async () => {
    const { engine, sessions } = await loadFake({ decoder: { keep, masked: true } });
    await answer(engine, { question: 'what color is the cross', images: [image] });
    for (const { given } of Object.values(sessions)) {
      expect(given.length).toBeGreaterThan(0);
      expect(new Set(given.map(({ disposals }) => disposals))).toEqual(new Set([1]));
    }
  });

  test('may replace another one; each has its own record', async () => {
    const { engine, sessions } = await loadFake();
    const pruned = fakeDecoder({ answer: [9], keep });
    const files = await fakeFiles();
    const backend = fakeBackend({ ...sessions, pruned });
    const base = await createEngine({ files, backend });
    const other = await base.withDecoder({ path: 'pruned' });
    const ask = { question: 'what color is the cross', images: [image] };
    expect((await answer(base, ask)).stages).toHaveLength(0);
    expect((await answer(other, ask)).stages).toHaveLength(1);
    await other.dispose();
    expect([pruned.disposals, sessions.vision_encoder.disposals]).toEqual([1, 0]);
    await base.dispose();
    expect(sessions.vision_encoder.disposals).toBe(1);
    await engine.dispose();
  });
});

test('what is opened before a failure is disposed', async () => {
  const sessions: Record<string, Session> = {
    vision_encoder: fakeVision([pixels], () => 1),
    embed_tokens: fakeEmbedding(),
  };
  const loading = createEngine({ files: await fakeFiles(), backend: fakeBackend(sessions) });
  await expect(loading).rejects.toMatchObject({
    code: 'DEVICE_UNAVAILABLE',
    message:
      'device auto of backend fake cannot be used: there is no such session; choose another of fake',
  });
  expect(sessions.vision_encoder).toMatchObject({ disposals: 1 });
  expect(sessions.embed_tokens).toMatchObject({ disposals: 1 });
});
