/** Clients that ask again and again, and compare what they get. */
import { setTimeout as pause } from 'node:timers/promises';
import { ask, type Question } from './ask.js';

export interface LoadOptions {
  readonly url: string;
  readonly model: string;
  readonly clients: number;
  readonly seconds: number;
  readonly questions: readonly Question[];
}

export interface LoadReport {
  readonly answered: number;
  /** Answers that are not those that the same questions got alone. */
  readonly mixed: number;
  /** Requests that got 429. */
  readonly busy: number;
  /** Anything else. */
  readonly failures: readonly string[];
  readonly tokens: number;
  readonly seconds: number;
  /** To the first token, of answered requests. */
  readonly firstMs: { readonly median: number; readonly p95: number };
}

/** Asks each question alone, then all clients ask any of them until the time is over. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { url, model, clients, seconds, questions } = options;
  const expected: string[] = [];
  for (const question of questions) {
    const outcome = await ask(url, model, question);
    if (!('text' in outcome)) throw new Error(`expected an answer, got status ${outcome.status}`);
    expected.push(outcome.text);
  }
  const report = { answered: 0, mixed: 0, busy: 0, tokens: 0 };
  const failures: string[] = [];
  const firsts: number[] = [];
  const since = performance.now();
  const isOver = () => performance.now() - since > seconds * 1000;
  const client = async (_: unknown, number: number) => {
    for (let round = number; !isOver(); round++) {
      const at = round % questions.length;
      try {
        const outcome = await ask(url, model, questions[at] as Question);
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
        failures.push(String(error));
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
    firstMs: { median: share(0.5), p95: share(0.95) },
  };
}
