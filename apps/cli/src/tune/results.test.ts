import { createPlan } from '@transprune/core';
import type { FiledAnswer, OpenBenchmark } from '@transprune/eval';
import { expect, test } from 'vitest';
import type { Answers, Measured } from './measure.js';
import { resultsOf } from './results.js';
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
