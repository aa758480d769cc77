/** Benchmarks with the answers of ten people a question: VQAv2 and TextVQA. */
import { z } from 'zod';
import type { Benchmark, OpenBenchmark } from '../benchmark.js';
import { type Folder, idSchema } from '../reading/folder.js';
import { agreement, normalizeAnswer, vqaAgreement } from '../scoring/vqa-answer.js';
import { eachAnswered, jsonLines, judging, noteUnknown } from './judge.js';
import {
  askedIn,
  type FiledQuestion,
  filed,
  type Line,
  llavaAnswer,
  questionFile,
  shortInstruction,
} from './question-file.js';

/** What people answered. */
interface People {
  readonly answers: readonly string[];
  /** Such as `yes/no`, `number`, `other`. */
  readonly kind?: string | undefined;
  /** The id that the file of what people answered gives the question. */
  readonly questionId?: string | number | undefined;
}

interface Parts {
  readonly questions: readonly FiledQuestion[];
  /** The file of what people answered, and who answered what, by question. */
  readonly truth: string;
  readonly people: ReadonlyMap<string, People>;
  readonly agreement: (answer: string, given: readonly string[]) => number;
  /** Where official files go. */
  readonly within: string;
  /** An entry of the file for the challenge's server; undefined for what it does not know. */
  readonly uploaded: (
    question: FiledQuestion,
    answer: string,
    people: People | undefined,
  ) => unknown;
}

function opened(
  folder: Folder,
  { questions, truth, people, agreement, within, uploaded }: Parts,
): OpenBenchmark {
  const truthOf = ({ id }: FiledQuestion) => people.get(id);
  noteUnknown(folder, truth, questions, truthOf);
  return {
    questions,
    problems: folder.problems,
    ...judging({
      questions,
      truthOf,
      wordsOf: ({ answers: given }) => [...new Set(given)],
      judge: (answer, { answers: given, kind }) => ({
        groups: kind === undefined ? [] : [kind],
        points: agreement(answer, given),
        isReadable: true,
      }),
    }),
    official(answers) {
      const entries = eachAnswered(questions, answers, (question, answer) =>
        uploaded(question, normalizeAnswer(answer), truthOf(question)),
      );
      return new Map([
        [`${within}/upload.json`, JSON.stringify(entries.filter((entry) => entry !== undefined))],
        [`${within}/answers.jsonl`, jsonLines(eachAnswered(questions, answers, llavaAnswer))],
      ]);
    },
  };
}

/** The question itself, in lower case. */
const questionOf = (prompt: string) => askedIn(prompt).toLowerCase();

const vqaQuestionSchema = z.object({
  question_id: z.number(),
  image_id: z.number(),
  question: z.string(),
});
const vqaSchema = z.object({
  question_id: idSchema,
  answer_type: z.string().optional(),
  answers: z.array(z.object({ answer: z.string() })).min(1),
});

/** VQA's own questions, asked as LLaVA's scripts do. */
async function vqaQuestions(folder: Folder, path: string): Promise<Line[]> {
  const { questions } = await folder.json(path, z.object({ questions: z.array(z.unknown()) }));
  return folder
    .items(path, questions, vqaQuestionSchema)
    .map(({ question_id, image_id, question }) => ({
      question_id,
      image: `COCO_val2014_${`${image_id}`.padStart(12, '0')}.jpg`,
      text: `${question}\n${shortInstruction}`,
    }));
}

/** The validation split, whose answers are public; LLaVA's files have others, so that VQA's own questions are read. */
export const vqav2: Benchmark = {
  name: 'vqav2',
  summary: 'open questions about photographs: agreement with ten people, by the kind of answer',
  source: 'arXiv 1612.00837',
  files: [
    'vqav2/v2_OpenEnded_mscoco_val2014_questions.json',
    'vqav2/val2014/<picture>.jpg',
    'vqav2/v2_mscoco_val2014_annotations.json',
  ],
  async open(folder) {
    const [own, llavas] = [
      'v2_OpenEnded_mscoco_val2014_questions.json',
      'llava_vqav2_mscoco_val2014.jsonl',
    ];
    const pictures = 'vqav2/val2014';
    const questions = (await folder.list('vqav2')).includes(llavas)
      ? await questionFile(folder, { path: `vqav2/${llavas}`, pictures })
      : await filed(folder, await vqaQuestions(folder, `vqav2/${own}`), { pictures });
    const truth = 'vqav2/v2_mscoco_val2014_annotations.json';
    const { annotations } = await folder.json(
      truth,
      z.object({ annotations: z.array(z.unknown()) }),
    );
    const entries = folder.items(truth, annotations, vqaSchema);
    const people = new Map(
      folder
        .unique(entries, ({ question_id }) => question_id)
        .map(({ question_id, answer_type, answers }) => [
          question_id,
          { answers: answers.map(({ answer }) => answer), kind: answer_type },
        ]),
    );
    return opened(folder, {
      ...{ questions, truth, people, within: 'vqav2', agreement: vqaAgreement },
      uploaded: ({ questionId }, answer) => ({ question_id: Number(questionId), answer }),
    });
  },
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
  async open(folder) {
    const questions = await questionFile(folder, {
      path: 'textvqa/llava_textvqa_val_v051_ocr.jsonl',
      pictures: 'textvqa/train_images',
      idOf: ({ question_id, text }) => `${question_id} ${questionOf(text)}`,
    });
    const truth = 'textvqa/TextVQA_0.5.1_val.json';
    const { data } = await folder.json(truth, z.object({ data: z.array(z.unknown()) }));
    const keyOf = ({ image_id, question }: TextVqaEntry) => `${image_id} ${question.toLowerCase()}`;
    const entries = folder.unique(folder.items(truth, data, textVqaSchema), keyOf);
    const people = new Map(
      entries.map((entry) => {
        const { answers, question_id: questionId } = entry;
        return [keyOf(entry), { answers, questionId }];
      }),
    );
    return opened(folder, {
      ...{ questions, truth, people, within: 'textvqa', agreement },
      uploaded: ({ questionId: image_id }, answer, of) =>
        of?.questionId === undefined ? undefined : { question_id: of.questionId, image_id, answer },
    });
  },
};
