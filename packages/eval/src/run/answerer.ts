/** Who answers: a model in this process, a server, whatever. */
import type { Question } from '../benchmark.js';

export interface Answer {
  readonly text: string;
  /** Noted beside the answer, such as what was kept and how long it took. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Called when the answer is on disk, and need not be kept elsewhere any more. */
  readonly written?: () => Promise<void>;
}

export interface Answerer {
  /** Noted beside each answer. */
  readonly name: string;
  /** @throws whatever went wrong; the question stays open, and is asked again by the next run */
  answer(question: Question, signal: AbortSignal): Promise<Answer>;
}
