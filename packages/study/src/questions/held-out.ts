/** The held-out questions of the embedded model. */
import { type EvaluationSet, readEvaluation, scenePicture } from '@transprune/embedded-model';
import { randomSource } from '@transprune/eval';
import { loadImage, type Pixels } from '@transprune/vlm';
import { shuffle } from 'simple-statistics';

export interface StudyQuestion {
  /** Unique: the scene, and the question's place in it. */
  readonly id: string;
  readonly scene: number;
  readonly kind: string;
  readonly text: string;
  readonly answer: string;
  /** Indices of the scene's objects that the answer depends on. */
  readonly objects: readonly number[];
  readonly picture: Pixels;
}

export interface HeldOut {
  readonly set: EvaluationSet;
  readonly questions: readonly StudyQuestion[];
  /** Kinds of questions, in the order of the set. */
  readonly kinds: readonly string[];
}

/** Reads all of them. */
export async function readHeldOut(): Promise<HeldOut> {
  const set = readEvaluation();
  const sheets = await Promise.all(set.sheets.map((path) => loadImage(path)));
  const questions = set.scenes.flatMap((scene, index) => {
    const picture = scenePicture(set, sheets, index);
    return scene.questions.map(
      ({ kind, question, answer, objects }, at): StudyQuestion => ({
        ...{ id: `${index}-${at}`, scene: index, kind, text: question, answer, objects, picture },
      }),
    );
  });
  return { set, questions, kinds: Object.keys(set.kinds) };
}

/** What a comparison may ask: questions that no choice of how the model is trained was judged by. */
export function unseenQuestions(questions: readonly StudyQuestion[]): StudyQuestion[] {
  const judged = new Set(sampleQuestions(questions, 240, 1));
  return questions.filter((question) => question.scene >= 40 && !judged.has(question));
}

/**
 * So many questions, drawn as they come, in the order of the set. A seed decides which; fewer are among more of the
 * same seed.
 */
export function drawQuestions(
  questions: readonly StudyQuestion[],
  count: number,
  seed: number,
): StudyQuestion[] {
  const drawn = new Set(shuffle([...questions], randomSource(seed)).slice(0, count));
  return questions.filter((question) => drawn.has(question));
}

/**
 * So many questions, of each kind as many as there are where they are too few for all, in the order of the set. A seed
 * decides which.
 */
export function sampleQuestions(
  questions: readonly StudyQuestion[],
  count: number,
  seed: number,
): StudyQuestion[] {
  const random = randomSource(seed);
  const kinds = [...new Set(questions.map(({ kind }) => kind))];
  const byKind = kinds.map((kind) =>
    shuffle(
      questions.filter((question) => question.kind === kind),
      random,
    ),
  );
  const chosen = new Set<StudyQuestion>();
  const longest = Math.max(0, ...byKind.map((own) => own.length));
  for (let at = 0; at < longest; at++) {
    for (const own of byKind) {
      const question = own[at];
      if (question && chosen.size < count) chosen.add(question);
    }
  }
  return questions.filter((question) => chosen.has(question));
}
