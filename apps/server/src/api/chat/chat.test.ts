/** Chat completions by the official client. */
import { nodeBackend } from '@transprune/backend-node';
import { presetPlan } from '@transprune/core';
import { openModel } from '@transprune/files/node';
import { modelDirectory } from '@transprune/small-model';
import { collect, openEngine } from '@transprune/vlm';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  model,
  question,
  sample,
  samplePath,
  startServer,
  type TestServer,
} from '../../../testing/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

type Params = Omit<OpenAI.ChatCompletionCreateParamsNonStreaming, 'model' | 'stream'>;

/** What replies have besides OpenAI's fields. */
interface Extras {
  readonly pruning: {
    readonly preset: string | null;
    readonly image_tokens: { readonly in: number; readonly kept: readonly number[] };
    readonly vision_cached: boolean;
    readonly trace?: readonly { readonly kept_image_tokens: readonly number[] }[];
  };
  readonly metrics: Readonly<Record<string, number>>;
}

async function ask(params: Params & { readonly pruning?: object }) {
  const reply = await server.openai.chat.completions.create({ model, ...params });
  return reply as typeof reply & Extras;
}

const textOf = ({ choices }: OpenAI.ChatCompletion) => choices[0]?.message.content;

const scene = sample('scene-1.png');
const describeScene = { messages: [question('describe the picture', scene)] };

/** The answer of an engine that was pruned as `transprune run` does. */
async function answerOfRun(asked: string, image: string, preset: string): Promise<string> {
  const { plan } = presetPlan(preset, 12);
  const engine = await openEngine({
    model: { folder: modelDirectory },
    pruning: { plan, options: { trace: true } },
    backend: nodeBackend,
    open: openModel,
  });
  const { text } = await collect(engine.generate({ question: asked, images: [samplePath(image)] }));
  await engine.dispose();
  return text;
}

describe('answers', () => {
  test.each([
    ['what color is the heart?', 'scene-1.png', 'transprune-high'],
    ['describe the picture', 'scene-1.png', 'transprune-low'],
    ['describe the picture', 'scene-2.png', 'transprune-high'],
  ])('are those of transprune run: %s %s %s', async (asked, image, preset) => {
    const messages = [question(asked, sample(image))];
    const reply = await ask({ messages, pruning: { preset } });
    expect(textOf(reply)).toBe(await answerOfRun(asked, image, preset));
    expect(reply.pruning.preset).toBe(preset);
  });

  test('say what was kept, what it took and how long', async () => {
    const reply = await ask(describeScene);
    expect(reply).toMatchObject({
      object: 'chat.completion',
      model,
      usage: { prompt_tokens: 150 },
      pruning: { method: 'transprune', image_tokens: { in: 144, kept: [126, 90, 18] } },
    });
    const { usage, metrics, choices } = reply;
    expect(usage?.total_tokens).toBe(150 + (usage?.completion_tokens ?? 0));
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(Object.keys(metrics)).toEqual([
      'time_to_first_token_ms',
      'generation_time_ms',
      'queue_time_ms',
      'mean_itl_ms',
      'tokens_per_second',
      'vision_time_ms',
      'prefill_time_ms',
    ]);
    expect(Object.values(metrics).every((value) => value >= 0)).toBe(true);
    expect(metrics.time_to_first_token_ms).toBeGreaterThan(metrics.prefill_time_ms!);
  });

  test('stream as they come, and are the same', async () => {
    const whole = await ask(describeScene);
    const stream = await server.openai.chat.completions.create({
      model,
      ...describeScene,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks: OpenAI.ChatCompletionChunk[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    const deltas = chunks.map(({ choices }) => choices[0]?.delta.content ?? '');
    expect(deltas.join('')).toBe(textOf(whole));
    expect(deltas.filter((delta) => delta !== '').length).toBeGreaterThan(10);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(chunks.at(-2)).toMatchObject({
      choices: [{ finish_reason: 'stop' }],
      pruning: { image_tokens: { in: 144 } },
      metrics: { queue_time_ms: expect.any(Number) },
    });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test('to several images, earlier turns and a system text', async () => {
    const other = sample('scene-2.png');
    const alone = await ask({ messages: [question('what color is the heart?', scene)] });
    const two = await ask({ messages: [question('what color is the heart?', scene, other)] });
    expect(two.pruning.image_tokens.in).toBe(288);
    const turns = await ask({
      messages: [
        { role: 'developer', content: 'answer in a word' },
        question('what color is the heart?', scene),
        { role: 'assistant', content: [{ type: 'text', text: textOf(alone)! }] },
        { role: 'user', content: 'what shape is it?' },
      ],
    });
    expect(turns.usage?.prompt_tokens).toBeGreaterThan(alone.usage!.prompt_tokens);
    expect(turns.pruning).toMatchObject({ image_tokens: { in: 144 }, vision_cached: true });
  });

  test('end where they are told to', async () => {
    const whole = textOf(await ask(describeScene))!;
    const short = await ask({ ...describeScene, max_completion_tokens: 3 });
    expect(short.choices[0]?.finish_reason).toBe('length');
    expect(short.usage?.completion_tokens).toBe(3);
    const old = await ask({ ...describeScene, max_tokens: 3 });
    expect(textOf(old)).toBe(textOf(short));
    expect(whole.startsWith(textOf(short)!)).toBe(true);
    const stopped = await ask({ ...describeScene, stop: ['9 top', 'never'] });
    expect(textOf(stopped)).toBe(whole.slice(0, whole.indexOf('9 top')).trim());
    const stream = await server.openai.chat.completions.create({
      model,
      ...describeScene,
      stop: '9 top',
      stream: true,
    });
    let streamed = '';
    for await (const { choices } of stream) streamed += choices[0]?.delta.content ?? '';
    expect(streamed).toBe(textOf(stopped));
  });

  test('are drawn as the seed says', async () => {
    const drawn = (seed: number) =>
      ask({ ...describeScene, temperature: 2, top_p: 0.99, seed }).then(textOf);
    const [one, again, ...others] = await Promise.all([1, 1, 2, 3, 4].map(drawn));
    expect(again).toBe(one);
    expect(others.some((other) => other !== one)).toBe(true);
  });

  test('without an image prune nothing', async () => {
    const { pruning } = await ask({ messages: [{ role: 'user', content: 'what is this?' }] });
    expect(pruning.image_tokens.in).toBe(0);
  });
});

describe('what is kept', () => {
  const high = [126, 90, 18];
  const low = [90, 27, 9];
  const all = [144, 144, 144];
  const withDetail = (...details: ('low' | 'high' | 'auto')[]) => ({
    messages: [
      question('what color is the heart?', ...details.map((detail) => ({ url: scene, detail }))),
    ],
    max_tokens: 1,
  });

  test.each([
    [{ preset: 'transprune-low' }, low, 'transprune-low'],
    [{ preset: 'none' }, all, 'none'],
    [{ keepRatios: [1, 0.5, 0.25], method: 'transprune' }, [144, 72, 36], null],
  ])('is chosen by a request: %j', async (pruning, kept, preset) => {
    const reply = await ask({ ...describeScene, max_tokens: 1, pruning });
    expect(reply.pruning).toMatchObject({ image_tokens: { kept }, preset });
  });

  test.each([
    [['low'], low],
    [['auto'], high],
    [['high'], high],
    [['low', 'low'], low.map((count) => 2 * count)],
    [
      ['low', 'auto'],
      [252, 180, 36],
    ],
  ] as const)('is chosen by the detail of images: %j', async (details, kept) => {
    const reply = await ask(withDetail(...details));
    expect(reply.pruning.image_tokens.kept).toEqual(kept);
  });

  test('is traced if that is asked for', async () => {
    const plain = await ask({ ...describeScene, max_tokens: 1 });
    expect(plain.pruning.trace).toBeUndefined();
    const pruning = { preset: 'transprune-low', trace: true };
    const { trace } = (await ask({ ...withDetail('high'), pruning })).pruning;
    expect(trace?.map(({ kept_image_tokens }) => kept_image_tokens.length)).toEqual(low);
  });
});

describe('errors', () => {
  test('are those of the client', async () => {
    const unknown = server.openai.chat.completions.create({ model: 'gpt-5', ...describeScene });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(ask({ messages: [] })).rejects.toMatchObject({
      status: 400,
      param: 'messages',
      type: 'invalid_request_error',
    });
    await expect(
      ask({ messages: [question('what?', 'data:image/png;base64,AAAA')] }),
    ).rejects.toMatchObject({
      status: 400,
      code: 'invalid_image',
      param: 'messages[0].content[0].image_url.url',
    });
    const wrongPlaceholder = { messages: [question('<image> what?', scene)] };
    await expect(ask(wrongPlaceholder)).rejects.toMatchObject({ status: 400 });
  });

  test.each([
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ presence_penalty: 1 }, 'presence_penalty'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ reasoning_effort: 'high' }, 'reasoning_effort'],
  ])('name what is not supported: %j', async (params, param) => {
    await expect(ask({ ...describeScene, ...(params as object) })).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
      param,
    });
  });

  test('but what changes nothing is taken', async () => {
    const reply = await ask({
      ...describeScene,
      max_tokens: 1,
      n: 1,
      tools: [],
      tool_choice: 'none',
      response_format: { type: 'text' },
      presence_penalty: 0,
      logprobs: null,
      user: 'someone',
      store: false,
    });
    expect(reply.usage?.completion_tokens).toBe(1);
  });

  test.each([
    [{ preset: 'fastv' }, 'pruning.preset'],
    [{ preset: 'constructor' }, 'pruning.preset'],
    [{ method: 'random' }, 'pruning.method'],
    [{ keepRatios: [0.5] }, 'pruning.keepRatios'],
    [{ keepRatios: [0.1, 0.5, 0.9] }, 'pruning.keepRatios'],
    [{ keepRatios: [0.5, 0, 0.1] }, 'pruning.keepRatios[1]'],
    [{ keepRatios: [1, 1, 1], preset: 'none' }, 'pruning'],
    [{ ratios: [1] }, 'pruning.ratios'],
  ])('name what of the pruning is wrong: %j', async (pruning, param) => {
    await expect(ask({ ...describeScene, pruning })).rejects.toMatchObject({ status: 400, param });
  });
});

test('a client that leaves frees its place', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const stream = await server.openai.chat.completions.create(
    { model, ...describeScene, stream: true },
    { signal },
  );
  for await (const { choices } of stream) if (choices[0]?.delta.content) controller.abort();
  const waits = server.openai.chat.completions.create({ model, ...describeScene }, { signal });
  await expect(waits).rejects.toThrow('aborted');
  await expect
    .poll(async () => (await fetch(`${server.url}/ready`)).json())
    .toMatchObject({ running: 0, waiting: 0 });
});
