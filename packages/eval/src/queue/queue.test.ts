/** Questions through a Redis server of the test's own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noRedis, type RedisServer, startRedis } from '@transprune/fixtures/redis';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Question } from '../benchmark.js';
import { type RunOptions, runBenchmark } from '../run/evaluate.js';
import { queueName } from './job.js';
import { openQueue } from './queue-answerer.js';
import { runWorker, type WorkerOptions } from './worker.js';

const questions: Question[] = Array.from({ length: 12 }, (_, at) => ({
  id: `${at}`,
  prompt: `question ${at}`,
  ...(at % 2 === 0 && { picture: { bytes: new Uint8Array([at, 255]) } }),
}));
const echo = ({ prompt, picture }: Question) =>
  `${prompt} ${picture && 'bytes' in picture ? picture.bytes.join() : 'no picture'}`;
const expected = new Map(questions.map((question) => [question.id, echo(question)]));

test('an address that is none, and a server that is not there', async () => {
  const opened = (url: string) => openQueue({ url, name: 'a', work: 1, run: 'r' });
  await expect(opened('http://127.0.0.1')).rejects.toThrow(
    /expected the address of a Redis server/,
  );
  await expect(opened('redis://me:secret@127.0.0.1:1')).rejects.toThrow(
    /expected a Redis server at redis:\/\/127\.0\.0\.1:1, got: connect ECONNREFUSED/,
  );
});

describe.skipIf(noRedis)(`a queue in Redis${noRedis ? ` (${noRedis})` : ''}`, () => {
  let redis: RedisServer;
  let folder: string;
  let answersPath: string;
  let ending: AbortController;
  let workers: Promise<number>[];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    folder = await temporaryFolder();
    answersPath = join(folder, 'answers.jsonl');
    ending = new AbortController();
    workers = [];
  });
  afterEach(async () => {
    ending.abort();
    await Promise.allSettled(workers);
  });

  type Changes = Partial<WorkerOptions> & { readonly answer?: (question: Question) => unknown };

  /** A worker that answers with what it is asked, and notes it. */
  function startWorker({ answer = () => {}, ...changes }: Changes = {}) {
    const asked: string[] = [];
    const works: unknown[] = [];
    const running = runWorker({
      url: redis.url,
      stalledMs: 1000,
      signal: ending.signal,
      async open(work) {
        works.push(work);
        return {
          async answer(question) {
            asked.push(question.id);
            await answer(question);
            return { text: echo(question), metadata: { ms: 1 } };
          },
          async close() {},
        };
      },
      ...changes,
    });
    workers.push(running);
    return { asked, works, running };
  }

  async function ask(options: Partial<RunOptions> = {}, work: unknown = { model: 'echo' }) {
    const answerer = await openQueue({ url: redis.url, name: 'echo', work, run: answersPath });
    const { signal } = ending;
    try {
      const all = { answerer, answersPath, concurrency: 4, signal };
      return await runBenchmark({ questions }, { ...all, ...options });
    } finally {
      await answerer.close();
    }
  }

  async function left(): Promise<number> {
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const queue = new Queue(queueName, { connection });
    const counts = await queue.getJobCounts();
    await queue.close();
    connection.disconnect();
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }

  test('a worker that has nothing to do ends also where Redis is gone', async () => {
    const own = await startRedis();
    const { running } = startWorker({ url: own.url, idleMs: 1000 });
    const asking = await openQueue({ url: own.url, name: 'echo', work: 1, run: 'r' });
    const [question] = questions;
    await asking.answer(question!, ending.signal);
    await asking.close();
    await own.stop();
    expect(await running).toBe(1);
  });

  test('workers share the questions; nothing stays in the queue', async () => {
    const two = [startWorker(), startWorker()];
    const { answers, failures } = await ask();
    expect(answers).toEqual(expected);
    expect(failures).toEqual([]);
    expect(two.flatMap(({ asked }) => asked).sort()).toEqual([...expected.keys()].sort());
    expect(two[0]?.works.slice(0, 1)).toEqual([{ model: 'echo' }]);
    const lines = (await readFile(answersPath, 'utf8')).trimEnd().split('\n');
    expect(JSON.parse(lines[0]!)).toMatchObject({ model_id: 'echo', metadata: { ms: 1 } });
    expect(await left()).toBe(0);
  });

  test('what fails stays open, and is asked again by the next run', async () => {
    let fails = true;
    startWorker({
      answer({ id }) {
        if (fails && id === '3') throw new Error('no answer to 3');
      },
    });
    const first = await ask({ limit: 5 });
    expect(first.failures).toEqual([{ where: 'question 3', what: 'no answer to 3' }]);
    fails = false;
    expect((await ask()).answers).toEqual(expected);
    expect(await left()).toBe(0);
  });

  test('what was answered while nobody waited for it is not asked again', async () => {
    // The first run ends while its questions are in the queue.
    const interruption = new AbortController();
    const first = ask({ signal: interruption.signal });
    await expect.poll(left).toBe(4);
    interruption.abort(new Error('ended'));
    await expect(first).rejects.toThrow('ended');
    const { asked } = startWorker();
    await expect.poll(() => asked.length).toBe(4);
    expect((await ask()).answers).toEqual(expected);
    expect(asked.toSorted()).toEqual([...expected.keys()].sort());
  });

  test('a worker that cannot answer gives its question to others, and says why', async () => {
    const broken = startWorker({ open: () => Promise.reject(new Error('no such model')) });
    const asking = ask();
    await expect(broken.running).rejects.toThrow('no such model');
    startWorker();
    expect((await asking).answers).toEqual(expected);
  });

  test('a worker that is interrupted gives its question back; one that is idle ends', async () => {
    const leaving = new AbortController();
    const gone = startWorker({
      signal: leaving.signal,
      answer: async () => {
        leaving.abort();
        throw new Error('interrupted');
      },
    });
    const asking = ask();
    expect(await gone.running).toBe(0);
    const idle = startWorker({ idleMs: 300 });
    const { answers, failures } = await asking;
    expect(answers).toEqual(expected);
    expect(failures).toEqual([]);
    expect(await idle.running).toBe(12);
  });

  test('other work opens another answerer', async () => {
    const { works } = startWorker();
    await ask({ limit: 2 }, 'one');
    await ask({ limit: 4 }, 'two');
    expect(works).toEqual(['one', 'two']);
  });
});
