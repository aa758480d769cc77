/** Answers of a variant: those that a file has, and the others asked and written to it. */
import { join } from 'node:path';
import { isRightAnswer } from '@transprune/embedded-model';
import { type Answerer, readAnswers, runBenchmark, shownPixels } from '@transprune/eval';
import { collect, type LocalEngine, type Pixels } from '@transprune/vlm';
import type { StudyQuestion } from '../questions/held-out.js';
import { keyOf, type Variant } from '../variants/variant.js';
import { type Lane, openLane } from './lane.js';
import type { StudiedModel } from './model.js';

/** Longer than any right answer: one that does not end is wrong sooner. */
export const maxNewTokens = 96;

/** Whoever asks. */
export interface Asking {
  readonly model: StudiedModel;
  /** Unpruned, without a reduction. */
  readonly lane: Lane;
  /** Where answers are kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Told of what begins. */
  readonly onBegin: (what: string) => void;
}

/** Whether each question was answered right, by its id. */
export type Right = ReadonlyMap<string, boolean>;

/** One that is asked and can be written down. */
interface Item {
  readonly id: string;
  readonly prompt: string;
}

interface Items {
  /** Tells answers to these from the variant's others; such as `conversation`. */
  readonly part?: string;
  readonly items: readonly Item[];
  answer(engine: LocalEngine, id: string): Promise<string>;
}

/**
 * Asks what has no answer yet.
 *
 * @returns texts by id
 */
export async function askItems(
  { folder, model, lane, signal, onBegin }: Asking,
  variant: Variant,
  { part, items, answer }: Items,
): Promise<ReadonlyMap<string, string>> {
  const key = [keyOf(variant, model.fingerprint), ...(part ? [part] : [])].join('-');
  const answersPath = join(folder, `${key}.jsonl`);
  const known = await readAnswers(answersPath, key);
  if (items.every(({ id }) => known.has(id))) return known;
  onBegin(`${variant.name}${part ? `, ${part}` : ''}: ${items.length} to ask`);
  const { plan, reduction } = variant;
  const own = reduction && (await openLane(model, lane.threads, reduction));
  const pruned = await (own ?? lane).withPlan(plan);
  const answerer: Answerer = {
    name: key,
    answer: async ({ id }) => ({ text: await answer(pruned.engine, id) }),
  };
  try {
    const { answers, failures } = await runBenchmark(
      { questions: items },
      { answerer, answersPath, concurrency: 1, signal },
    );
    const [first] = failures;
    if (first) throw new Error(`${variant.name}: ${first.where}: ${first.what}`);
    return answers;
  } finally {
    await pruned.dispose();
    await own?.dispose();
  }
}

/** As `askItems`, of questions about pictures. */
export function askQuestions(
  asking: Asking,
  variant: Variant,
  questions: readonly StudyQuestion[],
  {
    part,
    answer,
  }: {
    readonly part?: string;
    readonly answer: (engine: LocalEngine, question: StudyQuestion) => Promise<string>;
  },
): Promise<ReadonlyMap<string, string>> {
  const byId = new Map(questions.map((question) => [question.id, question]));
  return askItems(asking, variant, {
    ...(part !== undefined && { part }),
    items: questions.map(({ id, text }) => ({ id, prompt: text })),
    async answer(engine, id) {
      const question = byId.get(id);
      if (!question) throw new Error(`expected a question ${id}`);
      return answer(engine, question);
    },
  });
}

/** Asks a variant the questions. */
export async function askVariant(
  asking: Asking,
  variant: Variant,
  questions: readonly StudyQuestion[],
): Promise<Right> {
  const pictures = new Map<number, Promise<Pixels>>();
  const { shown: less } = variant;
  const pictureOf = ({ scene, picture }: StudyQuestion) => {
    if (!less) return picture;
    const shown = pictures.get(scene) ?? shownPixels(picture, less);
    pictures.set(scene, shown);
    return shown;
  };
  const answers = await askQuestions(asking, variant, questions, {
    async answer(engine, question) {
      const images = [await pictureOf(question)];
      const { signal } = asking;
      const { text } = await collect(
        engine.generate({ question: question.text, images, signal, maxNewTokens }),
      );
      signal.throwIfAborted();
      return text;
    },
  });
  return new Map(
    questions.map(({ id, answer }) => [id, isRightAnswer(answers.get(id) ?? '', answer)]),
  );
}

/** Places of the image tokens that each prune of a question's prompt leaves. */
export async function keptTokens(
  engine: LocalEngine,
  { text, picture }: StudyQuestion,
): Promise<(readonly number[])[]> {
  const request = { question: text, images: [picture], maxNewTokens: 1 };
  const { stages } = await collect(engine.generate(request));
  return stages.map(({ keptImageTokens }) => keptImageTokens);
}

/**
 * Image tokens that each prune left, by question.
 *
 * @returns a count for each prune, in the order of the questions
 */
export async function askKept(
  asking: Asking,
  variant: Variant,
  questions: readonly StudyQuestion[],
): Promise<number[][]> {
  const found = await askQuestions(asking, variant, questions, {
    part: 'kept',
    answer: async (engine, question) =>
      JSON.stringify((await keptTokens(engine, question)).map(({ length }) => length)),
  });
  return questions.map(({ id }) => JSON.parse(found.get(id) ?? '[]'));
}
