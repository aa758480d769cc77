/** The held-out questions of the embedded model, as a benchmark like the others. */
import type { Benchmark, OpenBenchmark, Question } from '@transprune/eval';

interface SceneQuestion extends Question {
  readonly kind: string;
  readonly right: string;
}

/** It needs no folder. */
export const embedded: Benchmark = {
  name: 'embedded',
  summary:
    'held-out questions of the small model that comes along: accuracy, by kind; needs no --data',
  source: 'the README of @transprune/embedded-model',
  files: [],
  open: () => embeddedBenchmark(),
};

/** @param limit of the held-out scenes, the first ones; all if left out */
export async function embeddedBenchmark(limit?: number): Promise<OpenBenchmark> {
  const [{ isRightAnswer, readEvaluation, scenePicture }, { judging }] = await Promise.all([
    import('@transprune/embedded-model'),
    import('@transprune/eval'),
  ]);
  const [{ loadImage }, { encode }] = await Promise.all([
    import('@transprune/vlm'),
    import('fast-png'),
  ]);
  const set = readEvaluation();
  const sheets = await Promise.all(set.sheets.map((path) => loadImage(path)));
  const questions = set.scenes.slice(0, limit).flatMap((scene, index): SceneQuestion[] => {
    const { data, width, height, channels } = scenePicture(set, sheets, index);
    const picture = { bytes: encode({ data, width, height, channels }) };
    return scene.questions.map(({ kind, question, answer }, at) => ({
      ...{ id: `${index}-${at}`, prompt: question, picture, kind, right: answer },
    }));
  });
  return {
    questions,
    problems: [],
    ...judging({
      questions,
      truthOf: ({ right }) => right,
      wordsOf: (right) => [right],
      judge: (answer, right, { kind }) => ({
        groups: [kind],
        points: isRightAnswer(answer, right) ? 1 : 0,
        isReadable: true,
      }),
    }),
    official: () => new Map(),
  };
}
