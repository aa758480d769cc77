import { createPlan } from '@transprune/core';
import { type FiledAnswer, judging, type OpenBenchmark, type Question } from '@transprune/eval';
import { expect, test } from 'vitest';
import { evaluationOf } from './evaluation.js';
import { planLabel } from './plan-label.js';

const ids = ['1', '2', '3', '4'];

/** Questions of two groups; an answer is as right as its number says. */
function partly(): OpenBenchmark {
  const questions = ids.map((id): Question => ({ id, prompt: `how right is ${id}?` }));
  return {
    questions,
    problems: [],
    official: () => new Map(),
    ...judging({
      questions,
      truthOf: ({ id }) => id,
      wordsOf: (id) => [id, `${id}.0`],
      judge: (answer, id) => ({
        groups: [Number(id) % 2 === 0 ? 'even' : 'odd'],
        points: Number(answer),
        isReadable: true,
      }),
    }),
  };
}

const plan = createPlan({ method: 'random', stages: [{ afterLayer: 2, keepRatio: 0.5 }] });
const metadata = {
  ...{ preprocessMs: 1, visionMs: 20, visionCached: false, prefillMs: 3, decodeMs: 4 },
  ...{ imageTokens: 10, keptImageTokens: [5] },
};

function evaluate(
  opened: OpenBenchmark,
  answers: readonly { readonly text: string; readonly metadata?: FiledAnswer['metadata'] }[],
) {
  const lines = new Map(
    answers.map((answer, at): [string, FiledAnswer] => [
      ids[at] ?? '',
      { question_id: ids[at] ?? '', ...answer },
    ]),
  );
  const score = opened.score(new Map([...lines].map(([id, { text }]) => [id, text])));
  return evaluationOf({
    report: {
      ...{ benchmark: 'b', model: 'm', answers: 'a', questions: 4, answered: lines.size, score },
      ...{ problems: [], failures: [], official: [] },
    },
    ...{ summary: '', opened, conditions: [], lines },
    respondent: { model: 'm', place: 'cpu', pruned: { plan, label: planLabel(plan) } },
  });
}

test('answers that are right in part have intervals around their mean, and those without a point are wrong', () => {
  const { all, groups, wrong } = evaluate(
    partly(),
    ['0.5', '0', '1', '0.3'].map((text) => ({ text })),
  );
  expect(all.accuracy?.value).toBeCloseTo(0.45);
  for (const [at, value] of [0.15, 0.75].entries()) {
    expect(groups[at]).toMatchObject({ name: ['even', 'odd'][at], questions: 2 });
    const { low, high } = groups[at]!.accuracy!;
    expect(groups[at]!.accuracy!.value).toBeCloseTo(value);
    expect([low >= 0, low < value, high > value, high <= 1]).toEqual([true, true, true, true]);
  }
  expect(wrong).toEqual({
    count: 1,
    first: [{ id: '2', question: 'how right is 2?', right: '2, or 2.0', given: '0' }],
  });
});

test('where questions are judged in groups none is wrong by itself', () => {
  const { pointsOf: _, ...inGroups } = partly();
  const { wrong, all } = evaluate(inGroups, [{ text: '0' }, { text: '1' }]);
  expect(wrong).toBeUndefined();
  // As Wilson's of one in two.
  expect(all.accuracy?.low).toBeCloseTo(0.0945, 3);
});

test('a picture that was seen before does not make the vision encoder fast, and a text has no image tokens', () => {
  const { times, imageTokens } = evaluate(partly(), [
    { text: '1', metadata },
    { text: '1', metadata: { ...metadata, visionMs: 0, visionCached: true } },
    { text: '1', metadata: { ...metadata, keptImageTokens: [3] } },
    { text: '1', metadata: { ...metadata, visionMs: 0, imageTokens: 0, keptImageTokens: [0] } },
  ]);
  expect(times?.answersMs).toEqual([28, 8, 28, 8]);
  expect(times?.parts.map(({ medianMs }) => medianMs)).toEqual([1, 20, 3, 4]);
  expect(imageTokens).toEqual([
    { stage: 'at the start', median: 10, least: 10, most: 10 },
    { stage: 'after layer 2', median: 5, least: 3, most: 5 },
  ]);
});

test('what answers do not tell is left out', () => {
  const told = evaluate(partly(), [
    { text: '1' },
    { text: '1', metadata: { usage: { total_tokens: 3 } } },
    { text: '1', metadata: { ...metadata, prefillMs: 'soon', keptImageTokens: [] } },
  ]);
  expect([told.times, told.imageTokens]).toEqual([undefined, undefined]);
  const none = evaluate(partly(), []);
  expect([none.all.accuracy, none.groups, none.wrong]).toEqual([null, [], { count: 0, first: [] }]);
});
