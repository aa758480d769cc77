import { createPlan } from '@transprune/core';
import type { FiledAnswer, OpenBenchmark } from '@transprune/eval';
import { expect, test } from 'vitest';
import type { Answers, Measured } from './measure.js';
import { recommend } from './recommend.js';
import { lossHeldOut, type Results, resultsOf } from './results.js';
import type { Schedule } from './schedules.js';

/** One question, whose answer is judged. */
const benchmark: OpenBenchmark = {
  questions: [{ id: '1', prompt: 'q' }],
  problems: [],
  score: (answers) => ({
    ...{ questions: answers.size, metrics: { accuracy: 1 }, groups: {} },
    ...{ unreadable: 0, withoutTruth: 0 },
  }),
  pointsOf: () => 1,
  official: () => new Map(),
};

function answered(visionMs: number, visionCached: boolean, restMs: number): Answers {
  const answer: FiledAnswer = {
    ...{ question_id: '1', text: 'yes' },
    metadata: {
      ...{ visionMs, visionCached, preprocessMs: 0, prefillMs: restMs, decodeMs: 0 },
      imageTokens: 9,
    },
  };
  return new Map([['1', answer]]);
}

test('the encoder whose tokens are reduced has a time of its own, the others share one', () => {
  const schedule = (changes: Partial<Schedule>): Schedule => ({
    ...{ name: 's', family: 's', plan: createPlan({ stages: [] }), isBaseline: false },
    ...changes,
  });
  const beside = answered(40, true, 60);
  const measured: Measured[] = [
    { schedule: schedule({}), answers: answered(40, false, 60), beside },
    {
      schedule: schedule({ reduction: { method: 'downsample', tokens: 4 } }),
      ...{ answers: answered(20, false, 30), beside },
    },
    { schedule: schedule({ name: 'pruned' }), answers: answered(0, true, 10), beside },
  ];
  const { results } = resultsOf(benchmark, measured, () => 1);
  expect(results.map(({ answerMs }) => answerMs)).toEqual([100, 50, 50]);
  expect(results.map(({ time }) => time?.value)).toEqual([1, 0.5, 0.5]);
});

test('what was chosen by luck at some questions is judged by the others', () => {
  const stages = [{ afterLayer: 2, keepRatio: 0.5 }];
  const named = (name: string, plan = createPlan({ stages })): Schedule => ({
    ...{ name, family: name, plan, isBaseline: false },
  });
  const exactly = (value: number) => ({ value, low: value, high: value });
  const rest = { cost: 1, accuracy: null, difference: null, answerMs: null, prefillMs: null };
  const result = (schedule: Schedule, time: number) => ({ schedule, ...rest, time: exactly(time) });
  const count = 300;
  const parts = Array.from({ length: count }, (_, at) => at % 3);
  // Each of three plans is always right at two parts, by which it is chosen, and wrong at the third.
  const lucky = [0, 1, 2].map((wrong) => parts.map((part) => (part === wrong ? 0 : 1)));
  const results: Results = {
    results: [
      result(named('unpruned', createPlan({ stages: [] })), 1),
      ...lucky.map((_, at) => result(named(`lucky ${at}`), 0.5)),
    ],
    ...{ points: [parts.map(() => 1), ...lucky], parts, compared: count, withoutTruth: 0 },
  };
  const choose = (some: Results['results']) => recommend(some, 0.01, 'time')?.result;
  expect(lossHeldOut(results, choose)?.value).toBe(-1);
  const even = { ...results, points: results.points.map(() => parts.map(() => 1)) };
  expect(lossHeldOut(even, choose)?.value).toBe(0);
  expect(lossHeldOut({ ...results, parts: [], points: [[], [], [], []] }, choose)).toBeNull();
});

test('questions of one picture are in one part; of too few pictures each is by itself', () => {
  const partsOf = (paths: readonly string[]) => {
    const questions = paths.map((path, at) => ({ id: `${at}`, prompt: 'q', picture: { path } }));
    const answers: Answers = new Map(
      questions.map(({ id }) => [id, { question_id: id, text: 'yes' }]),
    );
    const schedule = {
      name: 's',
      family: 's',
      plan: createPlan({ stages: [] }),
      isBaseline: false,
    };
    const measured = [{ schedule, answers, beside: answers }];
    return resultsOf({ ...benchmark, questions }, measured, () => 1).parts;
  };
  expect(partsOf(['a', 'a', 'b', 'c', 'b', 'd'])).toEqual([0, 0, 1, 2, 1, 0]);
  expect(partsOf(['a', 'a', 'b', 'b'])).toEqual([0, 1, 2, 0]);
});
