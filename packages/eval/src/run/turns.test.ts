import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Question } from '../benchmark.js';
import { runInTurns, type TurnsProgress } from './turns.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'turns-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const questions: Question[] = ['0', '1', '2'].map((id) => ({ id, prompt: `question ${id}` }));

/** Entrants that note who was asked what, and fail or end at a question. */
function entrants(ends: Readonly<Record<string, () => void>> = {}) {
  const asked: string[] = [];
  const list = ['a', 'b', 'c'].map((name) => ({
    answerer: {
      name,
      async answer({ id }: Question) {
        asked.push(`${name}${id}`);
        ends[`${name}${id}`]?.();
        return { text: `${name} to ${id}`, metadata: { ms: 1 } };
      },
    },
    answersPath: join(folder, `${name}.jsonl`),
    ...(name === 'c' && { limit: 1 }),
  }));
  return { asked, list };
}

const fail = () => {
  throw new Error('no answer');
};

test('in turns, each question of all before the next; what failed stays open', async () => {
  const { asked, list } = entrants({ b1: fail });
  const progress: TurnsProgress[] = [];
  const { signal } = new AbortController();
  const onProgress = (each: TurnsProgress) => progress.push({ ...each });
  const first = await runInTurns(questions, list, { signal, onProgress });
  expect(asked).toEqual(['a0', 'b0', 'c0', 'b1', 'a1', 'a2', 'b2']);
  expect(first.failures).toEqual([{ where: 'question 1', what: 'no answer' }]);
  expect(first.answers.map((answers) => answers.size)).toEqual([3, 2, 1]);
  expect(first.answers[1]?.get('2')).toMatchObject({ text: 'b to 2', metadata: { ms: 1 } });
  expect([progress[0]?.open, progress.map(({ done }) => done)]).toEqual([
    7,
    [0, 1, 2, 3, 4, 5, 6, 7],
  ]);

  const again = entrants();
  expect((await runInTurns(questions, again.list, { signal })).failures).toEqual([]);
  expect(again.asked).toEqual(['b1']);
});

test('a run that was ended is gone on with, also where it was ended while writing', async () => {
  const ending = new AbortController();
  const { list } = entrants({ b0: () => ending.abort(new Error('ended')) });
  await expect(runInTurns(questions, list, { signal: ending.signal })).rejects.toThrow('ended');
  await appendFile(join(folder, 'a.jsonl'), '{"question_id":"1","te');
  const { asked, list: again } = entrants();
  await runInTurns(questions, again, { signal: new AbortController().signal });
  expect(asked).not.toContain('a0');
  expect(asked).toContain('a1');
  const lines = (await readFile(join(folder, 'a.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).question_id).sort()).toEqual(['0', '1', '2']);
});

test('answers to other questions of the same ids are no answers to these', async () => {
  const { signal } = new AbortController();
  await runInTurns(questions, entrants().list, { signal });
  const others = questions.map(({ id }) => ({ id, prompt: 'another' }));
  await expect(runInTurns(others, entrants().list, { signal })).rejects.toThrow(
    /answers to these questions in .*a\.jsonl, got one of question 0 when it was "question 0"/,
  );
});
