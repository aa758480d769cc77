/** Answers to the held-out questions, counted. */
import type { EvaluationSet, Question, QuestionKind, Scene } from '@transprune/embedded-model';
import type { Engine, Pixels } from '@transprune/vlm';

/** How one decoder did on the held-out questions. */
export interface Accuracy {
  /** Share of right answers for each kind of question. */
  readonly kinds: Readonly<Partial<Record<QuestionKind, number>>>;
  /** Share of right answers over all questions. */
  readonly all: number;
  /**
   * Of the patches under the objects that a question depends on, the share that is left after the
   * last prune, mean over questions; descriptions, which depend on every object, are left out. 1 if
   * nothing is pruned; null for a model whose image tokens are other patches.
   */
  readonly keptObjectPatches: number | null;
}

/** A scene with its picture. */
export interface PicturedScene extends Scene {
  readonly image: Pixels;
}

/** Cuts the first `limit` scenes out of their sheets. */
export async function pictureScenes(set: EvaluationSet, limit: number): Promise<PicturedScene[]> {
  const [{ loadImage }, { scenePicture }] = await Promise.all([
    import('@transprune/vlm'),
    import('@transprune/embedded-model'),
  ]);
  const sheets = await Promise.all(set.sheets.map((path) => loadImage(path)));
  return set.scenes
    .slice(0, limit)
    .map((scene, index) => ({ ...scene, image: scenePicture(set, sheets, index) }));
}

export interface AccuracyOptions {
  /** True if image tokens are the patches that scenes name. */
  readonly knowsPatches: boolean;
  readonly signal: AbortSignal;
  /** Told before each question. */
  readonly onQuestion: () => void;
}

/** Asks every question of every scene. */
export async function measureAccuracy(
  engine: Engine,
  scenes: readonly PicturedScene[],
  { knowsPatches, signal, onQuestion }: AccuracyOptions,
): Promise<Accuracy> {
  const [{ collect }, { isRightAnswer }] = await Promise.all([
    import('@transprune/vlm'),
    import('@transprune/embedded-model'),
  ]);
  const right = new Map<QuestionKind, boolean[]>();
  const kept: number[] = [];
  for (const scene of scenes) {
    for (const question of scene.questions) {
      onQuestion();
      const { text, stages } = await collect(
        engine.generate({ question: question.question, images: [scene.image], signal }),
      );
      const list = right.get(question.kind) ?? [];
      list.push(isRightAnswer(text, question.answer));
      signal.throwIfAborted();
      right.set(question.kind, list);
      if (question.kind !== 'describe') {
        kept.push(keptShare(scene, question, stages.at(-1)?.keptImageTokens));
      }
    }
  }
  return {
    kinds: Object.fromEntries([...right].map(([kind, list]) => [kind, mean(list.map(Number))])),
    all: mean([...right.values()].flat().map(Number)),
    keptObjectPatches: knowsPatches ? mean(kept) : null,
  };
}

function keptShare(
  { objects }: Scene,
  question: Question,
  kept: readonly number[] | undefined,
): number {
  if (!kept) return 1;
  const left = new Set(kept);
  const patches = new Set(question.objects.flatMap((index) => objects[index]?.patches ?? []));
  return patches.size === 0 ? 1 : [...patches].filter((p) => left.has(p)).length / patches.size;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
