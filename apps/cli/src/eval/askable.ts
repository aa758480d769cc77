import { TransPruneError } from '@transprune/core';
import type { OpenBenchmark } from '@transprune/eval';

/**
 * @param source where the questions come from
 * @throws TransPruneError INVALID_ARGUMENT if none of them can be asked, with the first problem
 */
export function checkAskable(
  { questions, problems }: Pick<OpenBenchmark, 'questions' | 'problems'>,
  source: string,
): void {
  if (questions.length > 0) return;
  const [first] = problems;
  const why = first ? `${first.where}: ${first.what}` : 'the file is empty';
  throw new TransPruneError(
    'INVALID_ARGUMENT',
    `expected a question that can be asked in ${source}, got none; ${why}`,
    { problems },
  );
}
