/** An evaluation as the file that the ending of its name says. */
import type { Evaluation } from '@transprune/report';
import { drawnAs } from '../show/drawn.js';
import { type Ending, writeWhole } from '../show/ending.js';

export const evaluationEndings = [
  '.html',
  '.svg',
  '.png',
  '.json',
] as const satisfies readonly Ending[];

/** @throws TransPruneError WRITE_FAILED as `writeWhole` does */
export async function writeEvaluation(
  path: string,
  ending: Ending,
  evaluation: Evaluation,
): Promise<void> {
  const { evaluationPage, scoresFigure } = await import('@transprune/report');
  const drawing = {
    document: evaluation,
    page: () => evaluationPage(evaluation),
    figure: () => scoresFigure(evaluation),
  };
  await writeWhole(path, await drawnAs(ending, drawing));
}
