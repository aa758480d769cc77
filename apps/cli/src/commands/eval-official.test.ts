/** What `eval` says of answers that are there: nothing is asked. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { closedAddress } from '../../testing/hub.js';
import { temporaryFolder, transprune } from '../../testing/program.js';

const release = 'MME/MME_Benchmark_release_version/color';
const asked = (text: string, image = 'color/1.jpg') => ({
  ...{ question_id: image, image, category: 'color' },
  text: `${text}\nAnswer the question using a single word or phrase.`,
});

/** MME with one picture, answered with yes. */
async function answered(right: string) {
  const data = await temporaryFolder();
  const questions = [asked('Is it red?'), asked('Is it blue?')];
  const answers = questions.map(({ question_id, text }) => ({
    question_id: `${question_id} ${text.split('\n', 1)}`,
    text: 'Yes',
  }));
  const lines = (list: object[]) => list.map((each) => `${JSON.stringify(each)}\n`).join('');
  const files = {
    'MME/llava_mme.jsonl': lines(questions),
    [`${release}/1.jpg`]: 'x',
    [`${release}/1.txt`]: right,
    'answers.jsonl': lines(answers),
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(data, path)), { recursive: true });
    await writeFile(join(data, path), content);
  }
  return [
    ...['eval', 'mme', '--data', data, '--answers', join(data, 'answers.jsonl')],
    ...['--official', join(data, 'official'), '--server', `${await closedAddress()}/v1`],
    ...['--server-model', 'm'],
  ];
}

test('that none of the answers counts is a warning', async () => {
  const { stdout, stderr } = await transprune(...(await answered('Is it green?\tYes\n')));
  expect(stderr).toMatch(/none of 2 answers counts/);
  expect(stdout).toMatch(/without a known truth, which do not count +│ 2 │/);
  expect(stdout).toMatch(
    /^ {2}MME\/MME_Benchmark_release_version: expected right answers .* 0 of 2/m,
  );
});

test('what the official files lack is among the problems', async () => {
  const { stdout, stderr } = await transprune(
    ...(await answered('Is it red? Please answer yes or no.\tYes\n')),
  );
  expect(stderr).not.toMatch(/none of/);
  expect(stdout).toMatch(/^ {2}MME\/results: 1 picture without two judged questions/m);
  const whole = await answered(
    'Is it red? Please answer yes or no.\tYes\nIs it blue? Please answer yes or no.\tNo\n',
  );
  const { stdout: shown } = await transprune(...whole);
  expect(shown).not.toContain('Problems:');
  const written = await readFile(join(whole[7] ?? '', 'MME/results/color.txt'), 'utf8');
  expect(written).toContain('1.jpg\tIs it blue? Please answer yes or no.\tNo\tYes\n');
});
