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
  const { loadImage } = await import('@transprune/vlm');
  const { imageSize, sheetColumns, sheetRows } = set;
  const sheets = await Promise.all(set.sheets.map((path) => loadImage(path)));
  return set.scenes.slice(0, limit).map((scene, index) => {
    const onSheet = index % (sheetColumns * sheetRows);
    const left = (onSheet % sheetColumns) * imageSize;
    const top = Math.floor(onSheet / sheetColumns) * imageSize;
    const sheet = sheets[Math.floor(index / (sheetColumns * sheetRows))];
    if (!sheet) throw new Error(`scene ${index} has no place on a sheet`);
    return { ...scene, image: cut(sheet, left, top, imageSize) };
  });
}

/** A square of an image. */
function cut({ data, width, channels }: Pixels, left: number, top: number, size: number): Pixels {
  const square = new Uint8Array(size * size * channels);
  for (let row = 0; row < size; row++) {
    const start = ((top + row) * width + left) * channels;
    square.set(data.subarray(start, start + size * channels), row * size * channels);
  }
  return { data: square, width: size, height: size, channels };
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
  const { collect } = await import('@transprune/vlm');
  const right = new Map<QuestionKind, boolean[]>();
  const kept: number[] = [];
  for (const scene of scenes) {
    for (const question of scene.questions) {
      onQuestion();
      const { text, stages } = await collect(
        engine.generate({ question: question.question, images: [scene.image], signal }),
      );
      const list = right.get(question.kind) ?? [];
      list.push(plain(text) === plain(question.answer));
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

/** An answer without case, punctuation at its ends, and spaces in a row. */
function plain(answer: string): string {
  return answer
    .toLowerCase()
    .replace(/^[\s\p{P}]+|[\s\p{P}]+$/gu, '')
    .replace(/\s+/g, ' ');
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
