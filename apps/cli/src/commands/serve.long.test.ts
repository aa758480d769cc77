/** `transprune serve` as it is built, asked by the official client: its answers are those of `transprune run`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { transprune } from '../../testing/program.js';

const program = fileURLToPath(new URL('../../bin/transprune.js', import.meta.url));
const parameters = ['serve', '--port', '0', '--name', 'small', '--log-level', 'error'];
const child = spawn(process.execPath, [program, ...parameters], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, TRANSPRUNE_MODEL: modelDirectory },
});
afterAll(() => void child.kill('SIGKILL'));

let openai: OpenAI;
beforeAll(async () => {
  const [line] = await once(child.stdout, 'data');
  const baseURL = `${String(line).trim()}/v1`;
  openai = new OpenAI({ baseURL, apiKey: 'none', maxRetries: 0 });
});

/** What is asked, as the client and as the command line have it. */
interface Asked {
  readonly text: string;
  readonly images: readonly string[];
  readonly system?: string;
  readonly params?: object;
  readonly options?: readonly string[];
}

const describing = { text: 'describe the picture', images: ['scene-1.png'] };
const cases: Readonly<Record<string, Asked>> = {
  'one picture': { text: 'what color is the heart?', images: ['scene-1.png'] },
  'a long answer': describing,
  'few tokens': { ...describing, params: { max_tokens: 3 }, options: ['--max-new-tokens', '3'] },
  'another preset': {
    ...describing,
    params: { pruning: { preset: 'transprune-low' } },
    options: ['--preset', 'transprune-low'],
  },
  'nothing dropped': {
    ...describing,
    params: { pruning: { preset: 'none' } },
    options: ['--preset', 'none'],
  },
  'several pictures': { text: 'describe the picture', images: ['scene-3.png', 'scene-2.png'] },
  'a system text': {
    ...describing,
    system: 'answer in a word',
    options: ['--system', 'answer in a word'],
  },
  'drawn by a seed': {
    ...describing,
    params: { temperature: 1.5, top_p: 0.95, seed: 7 },
    options: ['--temperature', '1.5', '--top-p', '0.95', '--seed', '7'],
  },
};

test.each(Object.entries(cases))('%s, at once and as a stream', async (_, asked) => {
  const { text, images, system, params = {}, options = [] } = asked;
  const paths = images.map((name) => join(samplesDirectory, name));
  const pictures = paths.map((path) => {
    const url = `data:image/png;base64,${readFileSync(path, 'base64')}`;
    return { type: 'image_url', image_url: { url } } as const;
  });
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    ...(system === undefined ? [] : [{ role: 'system', content: system } as const]),
    { role: 'user', content: [...pictures, { type: 'text', text }] },
  ];
  const request = { model: 'small', messages, ...params };
  const { exitCode, stdout } = await transprune('run', ...paths, text, ...options);
  expect(exitCode).toBe(0);
  const run = stdout.trim();
  expect(run).not.toBe('');

  const whole = await openai.chat.completions.create(request);
  expect(whole.choices[0]?.message.content).toBe(run);
  let streamed = '';
  const stream = await openai.chat.completions.create({ ...request, stream: true });
  for await (const { choices } of stream) streamed += choices[0]?.delta.content ?? '';
  expect(streamed).toBe(run);
});
