/** Clients that ask again and again, and compare what they get. */
import { setTimeout as pause } from 'node:timers/promises';
import { ask, type Question } from './ask.js';

export interface LoadOptions {
  readonly url: string;
  readonly model: string;
  readonly clients: number;
  readonly seconds: number;
  readonly questions: readonly Question[];
  /** One of so many requests is left by its client, at any point of its answer; none if left out. */
  readonly leaveEvery?: number;
}

export interface LoadReport {
  readonly answered: number;
  /** Answers that are not those that the same questions got alone. */
  readonly mixed: number;
  /** Requests that got 429. */
  readonly busy: number;
  /** Requests that their clients left. */
  readonly left: number;
  /** Anything else. */
  readonly failures: readonly string[];
  readonly tokens: number;
  readonly seconds: number;
  /** To the first token, of answered requests. */
  readonly firstMs: { readonly median: number; readonly p95: number; readonly p99: number };
}

/** Asks each question alone, then all clients ask any of them until the time is over. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const {
    url,
    model,
    clients,
    seconds,
    questions,
    leaveEvery = Number.POSITIVE_INFINITY,
  } = options;
  const expected: string[] = [];
  for (const question of questions) {
    const outcome = await ask(url, model, question);
    if (!('text' in outcome)) throw new Error(`expected an answer, got status ${outcome.status}`);
    expected.push(outcome.text);
  }
  const report = { answered: 0, mixed: 0, busy: 0, left: 0, tokens: 0 };
  const failures: string[] = [];
  const firsts: number[] = [];
  const since = performance.now();
  const isOver = () => performance.now() - since > seconds * 1000;
  let asked = 0;
  const client = async (_: unknown, number: number) => {
    for (let round = number; !isOver(); round++) {
      const at = round % questions.length;
      const leaving = ++asked % leaveEvery === 0 ? soon() : null;
      try {
        const outcome = await ask(url, model, questions[at] as Question, leaving);
        if ('text' in outcome) {
          report.answered++;
          report.tokens += outcome.tokens;
          firsts.push(outcome.firstMs);
          if (outcome.text !== expected[at]) report.mixed++;
        } else if (outcome.status === 429) {
          report.busy++;
          // As told, and not all at once.
          await pause(outcome.retryAfter * 1000 * (0.5 + Math.random() / 2));
        } else failures.push(`status ${outcome.status}`);
      } catch (error) {
        if (leaving?.aborted) report.left++;
        else failures.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const took = (performance.now() - since) / 1000;
  firsts.sort((a, b) => a - b);
  const share = (part: number) => Math.round(firsts[Math.floor(firsts.length * part)] ?? 0);
  return {
    ...report,
    failures,
    seconds: Math.round(took),
    firstMs: { median: share(0.5), p95: share(0.95), p99: share(0.99) },
  };
}

/** At once, or after some time of an answer. */
const soon = () => AbortSignal.timeout(Math.floor(Math.random() * 200));
