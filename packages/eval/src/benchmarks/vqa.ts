/** Benchmarks with the answers of ten people a question: VQAv2 and TextVQA. */
import { z } from 'zod';
import type { Benchmark } from '../benchmark.js';
import { type Folder, idSchema } from '../reading/folder.js';
import { agreement, normalizeAnswer } from '../scoring/vqa-answer.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import {
  askedIn,
  type FiledQuestion,
  llavaAnswer,
  type QuestionFileOptions,
  questionFile,
} from './question-file.js';

/** What people answered. */
interface People {
  readonly answers: readonly string[];
  /** Such as `yes/no`, `number`, `other`. */
  readonly kind?: string | undefined;
  /** The id that the file of what people answered gives the question. */
  readonly questionId?: string | number | undefined;
}

interface Files {
  /** Tells questions apart; the file's own id if left out. */
  readonly idOf?: QuestionFileOptions['idOf'];
  readonly questions: string;
  readonly pictures: string;
  /** The file of what people answered, and who answered what, by question. */
  readonly truth: string;
}

async function open(
  folder: Folder,
  files: Files,
  readPeople: (folder: Folder, path: string) => Promise<ReadonlyMap<string, People>>,
  /** An entry of the file for the challenge's server; undefined for what it does not know. */
  uploaded: (question: FiledQuestion, answer: string, people: People | undefined) => unknown,
) {
  const { questions: path, pictures, idOf } = files;
  const questions = await questionFile(folder, { path, pictures, ...(idOf && { idOf }) });
  const people = await readPeople(folder, files.truth);
  noteUnknown(folder, files.truth, questions, ({ id }) => people.get(id));
  return {
    questions,
    problems: folder.problems,
    ...judging({
      questions,
      truthOf: ({ id }) => people.get(id),
      judge: (answer, { answers: given, kind }) => ({
        groups: kind === undefined ? [] : [kind],
        points: agreement(answer, given),
        isReadable: true,
      }),
    }),
    official(answers: ReadonlyMap<string, string>) {
      const within = files.questions.replace(/[^/]+$/, '');
      const entries = eachAnswered(questions, answers, (question, answer) =>
        uploaded(question, normalizeAnswer(answer), people.get(question.id)),
      );
      return new Map([
        [`${within}upload.json`, JSON.stringify(entries.filter((entry) => entry !== undefined))],
        [`${within}answers.jsonl`, jsonLines(eachAnswered(questions, answers, llavaAnswer))],
      ]);
    },
  };
}

/** The question itself, in lower case. */
const questionOf = (prompt: string) => askedIn(prompt).toLowerCase();

const vqaSchema = z.object({
  question_id: idSchema,
  answer_type: z.string().optional(),
  answers: z.array(z.object({ answer: z.string() })).min(1),
});

/** The validation split, whose answers are public. */
export const vqav2: Benchmark = {
  name: 'vqav2',
  summary: 'open questions about photographs: agreement with ten people, by the kind of answer',
  source: 'arXiv 1612.00837',
  files: [
    'vqav2/llava_vqav2_mscoco_val2014.jsonl',
    'vqav2/val2014/<picture>.jpg',
    'vqav2/v2_mscoco_val2014_annotations.json',
  ],
  open: (folder) =>
    open(
      folder,
      {
        questions: 'vqav2/llava_vqav2_mscoco_val2014.jsonl',
        pictures: 'vqav2/val2014',
        truth: 'vqav2/v2_mscoco_val2014_annotations.json',
      },
      async (from, path) => {
        const { annotations } = await from.json(
          path,
          z.object({ annotations: z.array(z.unknown()) }),
        );
        const people = from.items(path, annotations, vqaSchema);
        return new Map(
          from
            .unique(people, ({ question_id }) => question_id)
            .map(({ question_id, answer_type, answers }) => [
              question_id,
              { answers: answers.map(({ answer }) => answer), kind: answer_type },
            ]),
        );
      },
      ({ questionId }, answer) => ({ question_id: Number(questionId), answer }),
    ),
};

const textVqaSchema = z.object({
  question_id: z.union([z.string(), z.number()]).optional(),
  image_id: z.string(),
  question: z.string(),
  answers: z.array(z.string()).min(1),
});
type TextVqaEntry = z.infer<typeof textVqaSchema>;

/** LLaVA's file names a question by its picture; two of one picture are told apart by their text. */
export const textvqa: Benchmark = {
  name: 'textvqa',
  summary: 'text in photographs: agreement with ten people',
  source: 'arXiv 1904.08920',
  files: [
    'textvqa/llava_textvqa_val_v051_ocr.jsonl',
    'textvqa/train_images/<picture>.jpg',
    'textvqa/TextVQA_0.5.1_val.json',
  ],
  open: (folder) =>
    open(
      folder,
      {
        questions: 'textvqa/llava_textvqa_val_v051_ocr.jsonl',
        pictures: 'textvqa/train_images',
        idOf: ({ question_id, text }) => `${question_id} ${questionOf(text)}`,
        truth: 'textvqa/TextVQA_0.5.1_val.json',
      },
      async (from, path) => {
        const { data } = await from.json(path, z.object({ data: z.array(z.unknown()) }));
        const keyOf = ({ image_id, question }: TextVqaEntry) =>
          `${image_id} ${question.toLowerCase()}`;
        const entries = from.unique(from.items(path, data, textVqaSchema), keyOf);
        return new Map(
          entries.map((entry) => {
            const { answers, question_id: questionId } = entry;
            return [keyOf(entry), { answers, questionId }];
          }),
        );
      },
      ({ questionId: image_id }, answer, people) =>
        people?.questionId === undefined
          ? undefined
          : { question_id: people.questionId, image_id, answer },
    ),
};
