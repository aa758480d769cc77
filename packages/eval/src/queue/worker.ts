/** Takes questions from the queue, one at a time, and answers them. */
import { type Job, WaitingError, Worker } from 'bullmq';
import type { Answerer } from '../run/answerer.js';
import { parseJob, type QuestionJob, queueName } from './job.js';
import { connect } from './redis.js';

/** Who answers; closed when other work comes, and at the end. */
export interface WorkAnswerer extends Pick<Answerer, 'answer'> {
  close(): Promise<void>;
}

export interface WorkerOptions {
  /** Such as `redis://127.0.0.1:6379`. */
  readonly url: string;
  /**
   * Opens who is to answer.
   *
   * @param work as whoever asks has it
   * @throws whatever keeps it from being opened here; the worker ends with it, and its question goes to another one
   */
  readonly open: (work: unknown) => Promise<WorkAnswerer>;
  /**
   * So long without a sign of life, in milliseconds, and another worker is given this one's question. Longer than
   * anything that keeps the process from giving one, such as one run of a large decoder.
   */
  readonly stalledMs: number;
  /** Ends by itself after so long without a question, in milliseconds; never if left out. */
  readonly idleMs?: number | undefined;
  readonly signal: AbortSignal;
  /** Told of each question before it is asked. */
  readonly onQuestion?: ((id: string) => void) | undefined;
  /** Told of what went wrong beside questions, such as a connection that broke. */
  readonly onFault?: ((error: Error) => void) | undefined;
}

/** A question that took so many workers with it is given up: it fails, and stays open. */
const mostStalls = 5;

/**
 * Works until the signal is aborted, or nothing is left to do. A question that is being asked then goes back to the
 * queue.
 *
 * @returns how many questions were answered
 * @throws TransPruneError as `connect` does, and what `open` throws
 */
export async function runWorker(options: WorkerOptions): Promise<number> {
  const { url, open, stalledMs, idleMs, signal, onQuestion, onFault } = options;
  const connection = await connect(url);
  let answered = 0;
  let opened: { readonly work: string; readonly answerer: WorkAnswerer } | undefined;
  let fault: { readonly error: unknown } | undefined;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });

  const answererOf = async (work: unknown) => {
    const key = JSON.stringify(work);
    if (opened?.work !== key) {
      await opened?.answerer.close();
      opened = undefined;
      opened = { work: key, answerer: await open(work) };
    }
    return opened.answerer;
  };
  const giveBack = async (job: Job, token: string | undefined) => {
    end();
    await job.moveToWait(token);
    throw new WaitingError();
  };
  const process = async (job: Job<QuestionJob>, token: string | undefined) => {
    rest.stop();
    const { work, question } = parseJob(job.data);
    let answerer: WorkAnswerer;
    try {
      answerer = await answererOf(work);
    } catch (error) {
      fault = { error };
      return giveBack(job, token);
    }
    onQuestion?.(question.id);
    try {
      const { text, metadata = {} } = await answerer.answer(question, signal);
      answered++;
      return { text, metadata };
    } catch (error) {
      if (signal.aborted) return giveBack(job, token);
      throw error;
    } finally {
      rest.start();
    }
  };

  const rest = alarm(idleMs, () => end());
  const worker = new Worker<QuestionJob>(queueName, process, {
    connection,
    autorun: false,
    lockDuration: stalledMs,
    stalledInterval: stalledMs,
    maxStalledCount: mostStalls,
  });
  worker.on('error', (error) => onFault?.(error));
  signal.addEventListener('abort', end, { once: true });
  if (signal.aborted) end();
  try {
    rest.start();
    const running = worker.run();
    await Promise.race([ended, running]);
    // Where Redis is gone there is nobody to take leave of.
    const isConnected = connection.status === 'ready';
    await worker.close(!isConnected);
    if (isConnected) await running;
    else running.catch(() => {});
  } finally {
    rest.stop();
    signal.removeEventListener('abort', end);
    await opened?.answerer.close();
    connection.disconnect();
  }
  if (fault && !signal.aborted) throw fault.error;
  return answered;
}

/** Rings when it was started and not stopped for so long. */
function alarm(afterMs: number | undefined, ring: () => void) {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => clearTimeout(timer);
  return {
    stop,
    start() {
      stop();
      if (afterMs !== undefined) timer = setTimeout(ring, afterMs);
    },
  };
}
