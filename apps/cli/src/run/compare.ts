/** One request, answered by the unpruned and by the pruned decoder. */
import type { EngineRequest, GenerateResult } from '@transprune/vlm';
import { countdown, waiting } from '../progress.js';
import type { Terminal } from '../terminal.js';
import { type AnswerReport, answerReport } from './answer.js';
import { costsOf } from './costs.js';
import type { OpenedModel } from './engine.js';

export interface Comparison {
  readonly prompt: GenerateResult['prompt'];
  readonly unpruned: AnswerReport;
  readonly pruned: AnswerReport;
}

/** Rounds before those that count. */
export const warmups = 1;

/**
 * Asks both in turns.
 *
 * @param runs rounds that count; at least 1
 */
export async function compareAnswers(
  { pruned, reduction, engine, openUnpruned }: OpenedModel,
  request: EngineRequest,
  runs: number,
  terminal: Terminal,
): Promise<Comparison> {
  const { collect } = await import('@transprune/vlm');
  const unpruned = await waiting(terminal, 'opening the unpruned decoder', openUnpruned);
  const rounds: { readonly before: GenerateResult; readonly after: GenerateResult }[] = [];
  const begin = countdown(terminal, 'round', warmups + runs);
  try {
    for (let round = 0; round < warmups + runs; round++) {
      begin(round);
      const before = await collect(unpruned.generate(request));
      const after = await collect(engine.generate(request));
      request.signal?.throwIfAborted();
      if (round >= warmups) rounds.push({ before, after });
    }
  } finally {
    terminal.progress('');
    await unpruned.dispose();
  }
  const [first] = rounds;
  if (!first) throw new Error('expected at least one round');
  const costs = costsOf(pruned.model, pruned.chosen.plan, first.before, reduction);
  return {
    prompt: first.before.prompt,
    unpruned: answerReport(
      rounds.map(({ before }) => before),
      costs,
      'baseline',
    ),
    pruned: answerReport(
      rounds.map(({ after }) => after),
      costs,
      'pruned',
    ),
  };
}
