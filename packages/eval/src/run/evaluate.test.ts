import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Question } from '../benchmark.js';
import type { Answerer } from './answerer.js';
import { readAnswers } from './answers-file.js';
import { type RunOptions, runBenchmark } from './evaluate.js';
import { openAiAnswerer } from './openai-answerer.js';
import { parseShard } from './shard.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'answers-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const questions: Question[] = Array.from({ length: 7 }, (_, at) => ({
  id: `${at}`,
  prompt: `question ${at}`,
}));

/** Answers with the prompt, and notes what it is asked. */
function echo(fails: readonly string[] = []) {
  const asked: string[] = [];
  const answerer: Answerer = {
    name: 'echo',
    async answer({ id, prompt }) {
      asked.push(id);
      if (fails.includes(id)) throw new Error(`no answer to ${id}`);
      return { text: prompt };
    },
  };
  return { asked, answerer };
}

function run(answerer: Answerer, options: Partial<RunOptions> = {}) {
  const { signal } = new AbortController();
  const answersPath = join(folder, 'deep', 'answers.jsonl');
  return runBenchmark({ questions }, { answerer, answersPath, signal, ...options });
}

test('a run goes on where another ended; what failed is asked again', async () => {
  const first = echo(['2']);
  const { failures, answers, questions: count } = await run(first.answerer, { limit: 4 });
  expect(first.asked).toEqual(['0', '1', '2', '3']);
  expect(failures).toEqual([{ where: 'question 2', what: 'no answer to 2' }]);
  expect([...answers.keys()]).toEqual(['0', '1', '3']);
  expect(count).toBe(4);

  const second = echo();
  const progress: string[] = [];
  const onProgress: RunOptions['onProgress'] = ({ answered, questions: of, now }) =>
    progress.push(`${answered}/${of} ${now}`);
  const done = await run(second.answerer, { concurrency: 2, onProgress });
  expect(second.asked.sort()).toEqual(['2', '4', '5', '6']);
  expect(done.answers.size).toBe(7);
  expect([progress[0], progress.at(-1)]).toEqual(['3/7 0', '7/7 4']);
});

async function linesOf(path: string) {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

test('an answer that was cut off while it was written is asked again, and the file is whole after it', async () => {
  const path = join(folder, 'deep', 'answers.jsonl');
  await run(echo().answerer, { limit: 2 });
  await appendFile(path, '{"question_id": "2", "te');
  const { asked, answerer } = echo();
  await run(answerer, { limit: 3 });
  expect(asked).toEqual(['2']);
  const lines = await linesOf(path);
  expect(lines.map(({ question_id }) => question_id)).toEqual(['0', '1', '2']);
  expect(lines[2]).toEqual({
    question_id: '2',
    prompt: 'question 2',
    text: 'question 2',
    model_id: 'echo',
    metadata: {},
  });
});

test('answers of two models are not mixed', async () => {
  await run(echo().answerer, { limit: 1 });
  const other = { ...echo().answerer, name: 'other' };
  await expect(run(other)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringMatching(/expected answers of other in .*, got one of echo in line 1/),
  });
});

test('answers to other questions are not taken for those of these', async () => {
  await run(echo().answerer, { limit: 1 });
  const { asked, answerer } = echo();
  const other = questions.map(({ id }) => ({ id, prompt: `another ${id}` }));
  const { signal } = new AbortController();
  const answersPath = join(folder, 'deep', 'answers.jsonl');
  await expect(
    runBenchmark({ questions: other }, { answerer, answersPath, signal }),
  ).rejects.toThrow(/got one of question 0 when it was "question 0"/);
  expect(asked).toEqual([]);
});

test('of two runs that write one file the later one to notice ends, and none answers over the other', async () => {
  const other = echo();
  const { answerer } = echo();
  const overtaken: Answerer = {
    name: 'echo',
    async answer(question, signal) {
      if (question.id === '2') await run(other.answerer);
      return answerer.answer(question, signal);
    },
  };
  await expect(run(overtaken)).rejects.toMatchObject({
    code: 'WRITE_FAILED',
    message: expect.stringMatching(/answers\.jsonl to be written by this run alone/),
  });
  const lines = await linesOf(join(folder, 'deep', 'answers.jsonl'));
  expect(lines.map(({ question_id }) => question_id)).toEqual(questions.map(({ id }) => id));
});

test('an answer is kept without the space around it; a line with nothing in it is no answer', async () => {
  const answersPath = join(folder, 'spaced.jsonl');
  const spaced: Answerer = { name: 'spaced', answer: async () => ({ text: ' No\n' }) };
  await run(spaced, { answersPath, limit: 1 });
  await appendFile(answersPath, '\n');
  const { answers } = await run(spaced, { answersPath, limit: 2 });
  expect([...answers.values()]).toEqual(['No', 'No']);
});

test('progress tells of failures as they come', async () => {
  const told: number[] = [];
  await run(echo(['0', '1']).answerer, {
    limit: 3,
    onProgress: ({ now, failures }) => told.push(10 * now + failures.length),
  });
  expect(told).toEqual([0, 1, 2, 12]);
});

test('a file that holds something else is refused as it is', async () => {
  const path = join(folder, 'notes.txt');
  await writeFile(path, 'my notes\n');
  await expect(run(echo().answerer, { answersPath: path })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining('line 1 of'),
  });
  expect(await readFile(path, 'utf8')).toBe('my notes\n');
  const annotations = '{"annotations": []}';
  await writeFile(path, annotations);
  await expect(run(echo().answerer, { answersPath: path })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  expect(await readFile(path, 'utf8')).toBe(annotations);
});

test('nobody who asks is refused', async () => {
  await expect(run(echo().answerer, { concurrency: 0 })).rejects.toThrow(
    'a whole number from 1 on',
  );
});

test('shards share nothing and are the whole', async () => {
  const asked: string[] = [];
  for (const shard of ['1/3', '2/3', '3/3']) {
    const one = echo();
    await run(one.answerer, { shard: parseShard(shard), answersPath: join(folder, shard[0]!) });
    asked.push(...one.asked);
  }
  expect(asked.sort()).toEqual(questions.map(({ id }) => id));
  for (const wrong of ['0/3', '4/3', '1', 'a/b', '1/0']) {
    expect(() => parseShard(wrong)).toThrow(`expected a shard such as 2/4, got ${wrong}`);
  }
});

test('an abort keeps what was answered', async () => {
  const controller = new AbortController();
  const { answerer } = echo();
  const stopping: Answerer = {
    name: 'stopping',
    answer(question, signal) {
      if (question.id === '3') controller.abort(new Error('enough'));
      return answerer.answer(question, signal);
    },
  };
  await expect(run(stopping, { signal: controller.signal })).rejects.toThrow('enough');
  expect((await readAnswers(join(folder, 'deep', 'answers.jsonl'))).size).toBeGreaterThanOrEqual(3);
});

test('a server is asked in chat completions, the picture in front of the question', async () => {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push({ url: request.url, ...JSON.parse(`${Buffer.concat(chunks)}`) });
    response.setHeader('content-type', 'application/json');
    const content = bodies.length === 1 ? 'yes' : null;
    const choices = [{ message: { content }, finish_reason: 'length' }];
    response.end(JSON.stringify({ choices, usage: {} }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const answerer = openAiAnswerer({ baseUrl: `http://127.0.0.1:${port}/v1`, model: 'small' });
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47]);
  const { signal } = new AbortController();
  try {
    const picture = { bytes: png };
    const { text } = await answerer.answer({ id: '1', prompt: 'Is it?', picture }, signal);
    expect(text).toBe('yes');
    expect(bodies).toEqual([
      {
        url: '/v1/chat/completions',
        model: 'small',
        temperature: 0,
        max_completion_tokens: 128,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } },
              { type: 'text', text: 'Is it?' },
            ],
          },
        ],
      },
    ]);
    await expect(answerer.answer({ id: '2', prompt: 'Why?' }, signal)).rejects.toThrow(
      'expected a text from small, got none (finish_reason length)',
    );
  } finally {
    server.close();
  }
});
