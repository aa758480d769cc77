/** Hands questions to workers, wherever they are, and waits for their answers. */
import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Queue, QueueEvents } from 'bullmq';
import type { Picture, Question } from '../benchmark.js';
import type { Answerer } from '../run/answerer.js';
import { answerSchema, type QuestionJob, queueName } from './job.js';
import { connect } from './redis.js';

export interface QueueOptions {
  /** Such as `redis://127.0.0.1:6379`. */
  readonly url: string;
  /** Noted beside each answer. */
  readonly name: string;
  /** Who is to answer, as JSON: what workers open. */
  readonly work: unknown;
  /** Tells this run from others that ask the same, such as by the file of its answers. */
  readonly run: string;
}

export interface QueueAnswerer extends Answerer {
  /** Workers that are connected. */
  workers(): Promise<number>;
  close(): Promise<void>;
}

/** After so long without news it is looked whether a question is still in the queue, in milliseconds. */
const patienceMs = 30_000;

/**
 * An answerer for `runBenchmark`, with as many questions at once as are to wait in the queue. A question keeps its place,
 * and its answer, until the answer is on disk: a run that was ended finds there what was answered meanwhile.
 *
 * @throws TransPruneError as `connect` does
 */
export async function openQueue({ url, name, work, run }: QueueOptions): Promise<QueueAnswerer> {
  const connection = await connect(url);
  const queue = new Queue<QuestionJob>(queueName, { connection });
  const events = new QueueEvents(queueName, { connection });
  // Every question that waits listens.
  for (const emitter of [queue, events]) emitter.setMaxListeners(0);
  // A connection that breaks is made again; what was missed is looked for.
  queue.on('error', () => {});
  events.on('error', () => {});
  await events.waitUntilReady();

  const put = async ({ id, prompt, picture }: Question) => {
    const data = {
      ...{ work, id, prompt },
      ...(picture && { picture: Buffer.from(await bytesOf(picture)).toString('base64') }),
    };
    const jobId = createHash('sha256')
      .update(JSON.stringify([run, data]))
      .digest('hex');
    return { jobId, add: () => queue.add('question', data, { jobId }) };
  };

  /** Waits however long it takes; what Redis has lost is put there again. */
  const finished = async ({ jobId, add }: Awaited<ReturnType<typeof put>>): Promise<unknown> => {
    let job = await add();
    for (;;) {
      try {
        return await job.waitUntilFinished(events, patienceMs);
      } catch (error) {
        const state = await queue.getJobState(jobId);
        if (state === 'failed') {
          await job.remove();
          throw error;
        }
        if (state === 'unknown') job = await add();
      }
    }
  };

  return {
    name,
    async answer(question, signal) {
      const placed = await put(question);
      const answer = answerSchema.parse(await unlessAborted(finished(placed), signal));
      return { ...answer, written: async () => void (await queue.remove(placed.jobId)) };
    },
    workers: () => queue.getWorkersCount(),
    async close() {
      await events.close();
      await queue.close();
      connection.disconnect();
    },
  };
}

const bytesOf = (picture: Picture) => ('bytes' in picture ? picture.bytes : readFile(picture.path));

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    // As many as there are questions in the queue.
    setMaxListeners(0, signal);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
