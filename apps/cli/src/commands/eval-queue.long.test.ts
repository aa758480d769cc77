/** A benchmark on three workers, processes of the built executable, of which one is killed. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { noRedis, type RedisServer, startRedis } from '@transprune/fixtures/redis';
import { parseEvaluation } from '@transprune/report';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { start } from '../../testing/executable.js';
import { temporaryFolder } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

interface Sample {
  readonly image: string;
  readonly questions: readonly { readonly question: string; readonly answer: string }[];
}

/** Three pictures, all of their questions. */
async function ownData(): Promise<string> {
  const folder = await temporaryFolder();
  const text = await readFile(join(samplesDirectory, 'samples.json'), 'utf8');
  const samples = (JSON.parse(text) as { samples: Sample[] }).samples.slice(0, 3);
  const lines = samples.flatMap(({ image, questions }) =>
    questions.map(({ question, answer }, at) =>
      JSON.stringify({ id: `${image} ${at}`, image, question, answer }),
    ),
  );
  await writeFile(join(folder, 'questions.jsonl'), lines.join('\n'));
  for (const { image } of samples)
    await copyFile(join(samplesDirectory, image), join(folder, image));
  return folder;
}

const env = { TRANSPRUNE_MODEL: modelDirectory };

/** Answers by question, and how many lines the file has. */
async function answersIn(path: string) {
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line));
  const entries = parsed.map(({ question_id, text, model_id }) => [question_id, [text, model_id]]);
  return { lines: lines.length, answers: Object.fromEntries(entries) };
}

describe.skipIf(noRedis)(`eval --queue${noRedis ? ` (${noRedis})` : ''}`, () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis?.stop());

  /** Questions that workers have begun and not answered. */
  async function active(): Promise<string[]> {
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const queue = new Queue('transprune-eval', { connection });
    const jobs = await queue.getActive();
    await queue.close();
    connection.disconnect();
    return jobs.map(({ data }) => data.id);
  }

  /** Starts a worker; tells the questions that it has begun. */
  function startWorker() {
    const queue = ['--queue', redis.url, '--threads', '1', '--stalled-after', '2', '--verbose'];
    const { child, outcome } = start(['eval', 'worker', ...queue]);
    onTestFinished(() => void child.kill('SIGKILL'));
    const begun: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => {
      begun.push(...Array.from(`${chunk}`.matchAll(/^question (.*)$/gm), ([, id = '']) => id));
    });
    return { child, outcome, begun };
  }

  test('three workers, one killed in the middle: the answers of a run without a queue, each once', async () => {
    const data = await ownData();
    const asking = (answers: string) => ['eval', 'own', '--data', data, '--answers', answers];
    const plain = join(data, 'plain.jsonl');
    expect((await start(asking(plain), { env }).outcome).exitCode).toBe(exitCodes.ok);

    const queued = join(data, 'queued.jsonl');
    const report = join(data, 'report.json');
    const queue = ['--queue', redis.url, '--json', '-o', report];
    const run = start([...asking(queued), ...queue], { env });
    const workers = [startWorker(), startWorker(), startWorker()];
    // Stopped, a worker cannot finish what it has begun; then it is looked whether it was in the middle.
    const [victim] = workers;
    let lost: string | undefined;
    while (lost === undefined) {
      await expect
        .poll(() => victim!.begun.length, { timeout: 60_000, interval: 5 })
        .toBeGreaterThan(0);
      victim!.child.kill('SIGSTOP');
      await new Promise((resolve) => setTimeout(resolve, 300));
      const last = victim!.begun.at(-1)!;
      if ((await active()).includes(last)) lost = last;
      else {
        victim!.begun.length = 0;
        victim!.child.kill('SIGCONT');
      }
    }
    victim!.child.kill('SIGKILL');

    const { exitCode, stdout } = await run.outcome;
    expect(exitCode).toBe(exitCodes.ok);
    const { score, answered: count, failures } = JSON.parse(stdout);
    const expected = await answersIn(plain);
    expect(await answersIn(queued)).toEqual(expected);
    expect({ count, failures, questions: score.questions }).toEqual({
      ...{ count: expected.lines, failures: [], questions: expected.lines },
    });
    const { counts, all, plan, imageTokens } = parseEvaluation(await readFile(report, 'utf8'));
    expect(counts.answered).toBe(expected.lines);
    expect(all.accuracy?.value).toBe(score.metrics.accuracy);
    expect(plan).toMatch(/^transprune \d/);
    expect(imageTokens?.length).toBeGreaterThan(1);
    // Another one was given what the killed one had begun.
    expect(workers.slice(1).flatMap(({ begun }) => begun)).toContain(lost);
    for (const { child, outcome } of workers.slice(1)) {
      child.kill('SIGINT');
      expect((await outcome).exitCode).toBe(exitCodes.interrupted);
    }
  }, 240_000);
});
