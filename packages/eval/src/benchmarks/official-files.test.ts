/** What official scripts read: the fields that they look up, with ids of the type that they compare them with. */
import { describe, expect, test } from 'vitest';
import { lines, open, parsedLines, suffix } from '../../testing/benchmark.js';

const directly = "Answer with the option's letter from the given choices directly.";

/** Ids and types as the benchmarks' files have them, one question each, of which one answer is right. */
const gqa = {
  'gqa/llava_gqa_testdev_balanced.jsonl': lines({
    ...{ question_id: '201307251', image: 'a.jpg', category: 'default' },
    text: `What is it?${suffix}`,
  }),
  'gqa/data/images/a.jpg': 'x',
  'gqa/data/testdev_balanced_questions.json': { 201307251: { answer: 'dog' } },
};

const ten = (answer: string) => Array.from({ length: 10 }, () => answer);

const vqav2 = {
  'vqav2/llava_vqav2_mscoco_val2014.jsonl': lines({
    ...{ question_id: 262148000, image: 'a.jpg', category: 'default' },
    text: `What is it?${suffix}`,
  }),
  'vqav2/val2014/a.jpg': 'x',
  'vqav2/v2_mscoco_val2014_annotations.json': {
    annotations: [{ question_id: 262148000, answers: ten('dog').map((answer) => ({ answer })) }],
  },
};

const tokens = 'Reference OCR token: STOP';
const textvqa = {
  'textvqa/llava_textvqa_val_v051_ocr.jsonl': lines({
    ...{ question_id: '003a8ae2ef43b901', image: 'a.jpg', category: 'default' },
    text: `What does it say?\n${tokens}${suffix}`,
  }),
  'textvqa/train_images/a.jpg': 'x',
  'textvqa/TextVQA_0.5.1_val.json': {
    data: [
      {
        ...{ question_id: 34602, image_id: '003a8ae2ef43b901', question: 'What does it say?' },
        answers: ten('stop'),
      },
    ],
  },
};

const seed = {
  'seed_bench/llava-seed-bench.jsonl': lines({
    ...{ question_id: 101669, image: 'SEED-Bench-image/a', category: 'image' },
    text: `How many?\nA. one\nB. two\nC. three\nD. four\n${directly}`,
  }),
  'seed_bench/SEED-Bench-image/a': 'x',
  'seed_bench/SEED-Bench.json': {
    question_type: { 'Instances Counting': 5 },
    questions: [
      {
        ...{ question_id: '101669', question_type_id: 5, data_type: 'image', answer: 'B' },
        ...{ choice_a: 'one', choice_b: 'two', choice_c: 'three', choice_d: 'four' },
      },
    ],
  },
};

const mmbench = {
  'mmbench/mmbench_dev_20230712.tsv': [
    'index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage\tsource\tl2-category\tcomment\tsplit',
    '241\tWhich?\t\tcat\tdog\t\t\tB\tanimals\tAAAA\ts\tl\t\tdev',
    '1000241\tWhich?\t\tdog\tcat\t\t\tA\tanimals\t241\ts\tl\t\tdev',
  ].join('\n'),
};

const scienceqa = {
  'scienceqa/llava_test_CQM-A.json': [
    { id: '4', conversations: [{ from: 'human', value: 'Which?\nA. iron\nB. wood' }] },
    {
      ...{ id: '5', image: '5/image.png' },
      conversations: [{ from: 'human', value: '<image>\nContext: none\nWhich?\nA. cat\nB. dog' }],
    },
  ],
  'scienceqa/images/test/5/image.png': 'x',
  'scienceqa/problems.json': {
    4: { choices: ['iron', 'wood'], answer: 1 },
    5: { choices: ['cat', 'dog'], answer: 1 },
  },
};

const pope = {
  'pope/llava_pope_test.jsonl': lines({
    ...{ question_id: 10000001, image: 'a.jpg', category: 'random' },
    text: `Is there a dog in the image?${suffix}`,
  }),
  'pope/val2014/a.jpg': 'x',
  'pope/coco/coco_pope_random.json': lines({
    ...{ question_id: 1, image: 'a.jpg', text: 'Is there a dog in the image?', label: 'yes' },
  }),
  'pope/coco/coco_pope_popular.json': '',
  'pope/coco/coco_pope_adversarial.json': '',
};

const release = 'MME/MME_Benchmark_release_version/artwork';
const mme = {
  'MME/llava_mme.jsonl': lines(
    ...['a house', 'a ship'].map((what) => ({
      ...{ question_id: 'artwork/images/1.jpg', image: 'artwork/images/1.jpg' },
      ...{ text: `Does it show ${what}?${suffix}`, category: 'artwork' },
    })),
  ),
  [`${release}/images/1.jpg`]: 'x',
  [`${release}/questions_answers_YN/1.txt`]: [
    'Does it show a house? Please answer yes or no.\tYes',
    'Does it show a ship?  Please answer yes or no.\tNo',
  ].join('\n'),
};

/** Official files, where every question has the same answer. */
async function officialOf(name: string, files: Readonly<Record<string, unknown>>, answer: string) {
  const { questions, problems, official } = await open(name, files);
  expect(problems).toEqual([]);
  return official(new Map(questions.map(({ id }) => [id, answer])));
}

describe("LLaVA's scripts, which read question_id, prompt and text of a line", () => {
  /** eval_pope.py finds a line's category by the question file's ids, and pairs lines with labels. */
  test('eval_pope.py', async () => {
    const files = await officialOf('pope', pope, 'Yes, there is.');
    const prompt = `Is there a dog in the image?${suffix}`;
    const lines = [{ question_id: 10000001, prompt, text: 'Yes, there is.' }];
    expect(parsedLines(files.get('pope/answers.jsonl'))).toEqual(lines);
  });

  /** convert_answer_to_mme.py takes category and file out of question_id, and the question out of prompt. */
  test('convert_answer_to_mme.py', async () => {
    const files = await officialOf('mme', mme, 'Yes\n');
    expect(parsedLines(files.get('MME/answers.jsonl'))).toEqual(
      ['a house', 'a ship'].map((what) => ({
        question_id: 'artwork/images/1.jpg',
        prompt: `Does it show ${what}?${suffix}`,
        text: 'Yes',
      })),
    );
  });

  /** eval_textvqa.py looks up the pair of question_id, a picture's id, and the first of three lines of prompt. */
  test('eval_textvqa.py', async () => {
    const files = await officialOf('textvqa', textvqa, 'The STOP');
    const lines = parsedLines(files.get('textvqa/answers.jsonl'));
    expect(lines).toEqual([
      {
        question_id: '003a8ae2ef43b901',
        prompt: `What does it say?\n${tokens}${suffix}`,
        text: 'The STOP',
      },
    ]);
  });

  /** convert_seed_for_submission.py looks up int(question_id), and takes text to be the letter. */
  test.each(['B', 'B. two', 'Two'])('convert_seed_for_submission.py: %s', async (answer) => {
    const files = await officialOf('seed', seed, answer);
    const lines = parsedLines(files.get('seed_bench/answers.jsonl'));
    expect(lines).toMatchObject([{ question_id: 101669, text: 'B' }]);
    // Without an option it is what was said.
    const none = await officialOf('seed', seed, 'many');
    expect(none.get('seed_bench/answers.jsonl')).toContain('"text":"many"');
  });

  test('convert_seed_for_submission.py: ids that are texts become numbers, where they can', async () => {
    const path = 'seed_bench/llava-seed-bench.jsonl';
    const asText = { ...seed, [path]: seed[path].replace('101669', '"101669"') };
    const files = await officialOf('seed', asText, 'B');
    const lines = parsedLines(files.get('seed_bench/answers.jsonl'));
    expect(lines).toMatchObject([{ question_id: 101669, text: 'B' }]);
  });

  /** convert_mmbench_for_submission.py compares question_id with the column index, which pandas reads as numbers. */
  test('convert_mmbench_for_submission.py', async () => {
    const plain = await officialOf('mmbench', mmbench, 'B. dog');
    const line = { question_id: 241, text: 'B' };
    expect(parsedLines(plain.get('mmbench/answers.jsonl'))).toMatchObject([line]);
    const circular = await officialOf('mmbench-circular', mmbench, 'A');
    expect(parsedLines(circular.get('mmbench/answers.jsonl'))).toMatchObject([
      { question_id: 241, text: 'A' },
      { question_id: 1000241, text: 'A' },
    ]);
  });

  /** eval_science_qa.py looks up question_id, a text, and counts those with <image> in prompt apart. */
  test('eval_science_qa.py', async () => {
    const files = await officialOf('scienceqa', scienceqa, '(B)');
    expect(parsedLines(files.get('scienceqa/answers.jsonl'))).toEqual([
      { question_id: '4', prompt: `Which?\nA. iron\nB. wood\n${directly}`, text: 'B' },
      {
        question_id: '5',
        prompt: `<image>\nContext: none\nWhich?\nA. cat\nB. dog\n${directly}`,
        text: 'B',
      },
    ]);
  });

  /** Both look up question_id as the question file has it. */
  test('convert_gqa_for_eval.py and convert_vqav2_for_submission.py', async () => {
    const prompt = `What is it?${suffix}`;
    const graph = await officialOf('gqa', gqa, 'Dog.');
    expect(parsedLines(graph.get('gqa/answers.jsonl'))).toEqual([
      { question_id: '201307251', prompt, text: 'Dog.' },
    ]);
    const photographs = await officialOf('vqav2', vqav2, 'A dog');
    expect(parsedLines(photographs.get('vqav2/answers.jsonl'))).toEqual([
      { question_id: 262148000, prompt, text: 'A dog' },
    ]);
  });
});

describe("benchmarks' own scorers and servers", () => {
  /** POPE's evaluate.py reads answer. */
  test('POPE', async () => {
    const files = await officialOf('pope', pope, 'Yes.');
    const line = { question: 'Is there a dog in the image?', answer: 'yes' };
    expect(parsedLines(files.get('pope/random.jsonl'))).toEqual([line]);
  });

  /** VQA's loadRes wants the annotations' ids, which are numbers; TextVQA's server its own question_id. */
  test('VQA and TextVQA', async () => {
    const photographs = await officialOf('vqav2', vqav2, 'A dog.');
    expect(JSON.parse(photographs.get('vqav2/upload.json') ?? '')).toEqual([
      { question_id: 262148000, answer: 'dog' },
    ]);
    const text = await officialOf('textvqa', textvqa, 'The STOP');
    expect(JSON.parse(text.get('textvqa/upload.json') ?? '')).toEqual([
      { question_id: 34602, image_id: '003a8ae2ef43b901', answer: 'stop' },
    ]);
  });

  /** GQA's eval.py reads questionId, a key of its questions, and prediction. */
  test('GQA', async () => {
    const files = await officialOf('gqa', gqa, 'Dog.');
    expect(JSON.parse(files.get('gqa/testdev_balanced_predictions.json') ?? '')).toEqual([
      { questionId: '201307251', prediction: 'dog' },
    ]);
  });

  /** ScienceQA's evaluate_acc.py reads int(results[id]). */
  test('ScienceQA', async () => {
    const files = await officialOf('scienceqa', scienceqa, 'B');
    expect(JSON.parse(files.get('scienceqa/results.json') ?? '')).toEqual({
      results: { 4: 1, 5: 1 },
    });
  });

  /** VLMEvalKit reads index, question, the options and prediction; SEED-Bench's board question_id as its file has it. */
  test('MMBench and SEED-Bench', async () => {
    const files = await officialOf('mmbench', mmbench, 'B');
    expect(files.get('mmbench/upload.tsv')).toBe(
      'index\tquestion\tA\tB\tC\tD\tprediction\n241\tWhich?\tcat\tdog\t\t\tB\n',
    );
    const board = await officialOf('seed', seed, 'B');
    expect(parsedLines(board.get('seed_bench/upload.jsonl'))).toEqual([
      { question_id: '101669', prediction: 'B' },
    ]);
  });
});
