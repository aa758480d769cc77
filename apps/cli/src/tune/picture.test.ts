import { createPlan } from '@transprune/core';
import { expect, test } from 'vitest';
import { recommendation, showTune } from '../show/tune.js';
import { type TuneReport, tuneReport } from './document.js';
import { drawTune } from './picture.js';
import type { Result } from './results.js';

/** What was found where no question could be compared, and none was timed. */
function nothingFound(): TuneReport {
  const result = (name: string, stages: { afterLayer: number; keepRatio: number }[]): Result => ({
    schedule: { name, family: name, plan: createPlan({ stages }), isBaseline: false },
    cost: stages.length === 0 ? 1 : 0.5,
    accuracy: null,
    difference: null,
    time: null,
    answerMs: null,
    prefillMs: null,
  });
  const results = [result('unpruned', []), result('half', [{ afterLayer: 2, keepRatio: 0.5 }])];
  return tuneReport(
    { results, compared: 0, withoutTruth: 0 },
    {
      ...{ model: 'm', source: 's', device: 'cpu', answers: 'a', questions: 1, imageTokens: 9 },
      ...{ textTokens: 9, tolerance: 0.01, aim: 'time', leftOut: [], problems: [], failures: [] },
    },
    null,
  );
}

test('nothing that was measured is a plot and a page without points', async () => {
  const report = nothingFound();
  expect(report.recommended).toBeNull();
  expect(report.schedules.map(({ isOnFront }) => isOnFront)).toEqual([false, false]);
  expect(recommendation(report)).toBe('No question could be compared: nothing is recommended.');
  expect(JSON.stringify(showTune(report))).not.toContain('NaN');
  const svg = await drawTune(report, '.svg');
  expect(svg).toMatch(/^<svg/);
  expect(svg).not.toMatch(/NaN|Infinity|<circle/);
  expect(await drawTune(report, '.html')).toContain('nothing is recommended');
});
