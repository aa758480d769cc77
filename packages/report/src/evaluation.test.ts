import { decode } from 'fast-png';
import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import { type Evaluation, parseEvaluation } from './evaluation.js';
import { evaluationFigures, evaluationPage, scoresFigure } from './evaluation-report.js';
import { pageHtml } from './page.js';
import { svgToPng } from './png.js';

const score = (name: string, questions: number, accuracy: number | undefined) => ({
  ...{ name, questions, metrics: accuracy === undefined ? { points: 150 } : { accuracy } },
  accuracy:
    accuracy === undefined || questions === 0
      ? null
      : { value: accuracy, low: accuracy / 2, high: (1 + accuracy) / 2 },
});

const evaluation: Evaluation = {
  format: 'transprune-evaluation',
  version: 1,
  benchmark: 'own',
  summary: 'your own <questions>',
  model: 'tiny & small',
  plan: 'random 2:0.5',
  conditions: [{ name: 'pictures', value: 'as they are' }],
  counts: { questions: 7, answered: 6, unreadable: 1, withoutTruth: 2, incomplete: 3 },
  all: score('all', 4, 0.5),
  groups: [score('<b>colors</b> & shapes', 3, 1 / 3), score('all', 1, 1)],
  pointMetrics: ['points'],
  times: {
    answersMs: [10, 12, 31, 90],
    parts: [
      { name: 'prefill', medianMs: 9.25 },
      { name: 'decoding', medianMs: 120.4 },
    ],
  },
  imageTokens: [
    { stage: 'at the start', median: 144, least: 100, most: 144 },
    { stage: 'after layer 2', median: 72, least: 50, most: 72 },
  ],
  wrong: {
    count: 60,
    first: [
      { id: 'q<1>', question: 'is it\n"red"?', right: 'no <i>', given: '<script>yes</script>' },
      { id: 'q2', question: 'what is it?', given: 'a star' },
    ],
  },
  failures: [{ where: 'question 7', what: 'no <answer>' }],
  problems: Array.from({ length: 53 }, (_, at) => ({ where: `line ${at + 1}`, what: 'no JSON' })),
};

/** Without whatever may be left out, and nothing that counts. */
const empty: Evaluation = {
  ...evaluation,
  plan: undefined,
  conditions: [],
  counts: { questions: 0, answered: 0, unreadable: 0, withoutTruth: 0 },
  all: score('all', 0, 0),
  groups: [score('none', 0, 0)],
  times: undefined,
  imageTokens: undefined,
  wrong: undefined,
  failures: [],
  problems: [],
};

const page = (of: Evaluation) => pageHtml(evaluationPage(of));
const elements = (text: string, selector: string) => [
  ...parseHTML(
    text.startsWith('<svg') ? `<html><body>${text}</body></html>` : text,
  ).document.querySelectorAll(selector),
];
const textsOf = (text: string, selector: string) =>
  elements(text, selector).map(({ textContent }) => textContent);

/** Cells of the table below a heading, row by row. */
function tableBelow(html: string, heading: RegExp): (string | null)[][] {
  const found = elements(html, 'h2').find(({ textContent }) => heading.test(`${textContent}`));
  const rows = found?.nextElementSibling?.querySelectorAll('tr') ?? [];
  return [...rows].map((row) =>
    [...row.querySelectorAll('th, td')].map((cell) => cell.textContent),
  );
}

describe('a page', () => {
  const html = page(evaluation);

  test('needs nothing else', () => {
    expect(html).not.toMatch(/(src|href)="(?!data:|#)|@import|url\(/);
    expect(elements(html, 'figure')).toHaveLength(3);
  });

  test('shows text as text', () => {
    expect(elements(html, 'script, b, i, questions, answer')).toEqual([]);
    expect(elements(html, 'h1')[0]?.textContent).toBe('own: tiny & small');
    expect(tableBelow(html, /wrongly/)).toEqual([
      ['', 'question', 'right answer', 'given answer'],
      ['q<1>', 'is it\n"red"?', 'no <i>', '<script>yes</script>'],
      ['q2', 'what is it?', '', 'a star'],
    ]);
  });

  test('tells what was asked, and what does not count', () => {
    expect(tableBelow(html, /What was asked/)).toEqual([
      ['benchmark', 'own: your own <questions>'],
      ['model', 'tiny & small'],
      ['plan', 'random 2:0.5'],
      ['pictures', 'as they are'],
      ['questions to ask', '7'],
      ['answers', '6'],
      ['unreadable answers, which count as wrong', '1'],
      ['answers without a known truth, which do not count', '2'],
      ['pairs or turns not answered in full, which do not count', '3'],
      ['questions that failed, and stay open', '1'],
      ["problems in the benchmark's files", '53'],
    ]);
  });

  test('has scores with their intervals, and times', () => {
    expect(tableBelow(html, /^Scores/)).toEqual([
      ['', 'questions', 'accuracy', '95 % interval of accuracy'],
      ['all', '4', '50.0 %', '25.0 % to 75.0 %'],
      ['<b>colors</b> & shapes', '3', '33.3 %', '16.7 % to 66.7 %'],
      ['all', '1', '100.0 %', '50.0 % to 100.0 %'],
    ]);
    expect(tableBelow(html, /^Time of/).slice(1)).toEqual([
      ['prefill', '9.3 ms'],
      ['decoding', '120 ms'],
    ]);
  });

  test('says of a long list how long it is', () => {
    expect(textsOf(html, 'h2')).toEqual(
      expect.arrayContaining([
        'Answered wrongly: the first 2 of 60',
        'Failed, and still open',
        "Problems in the benchmark's files: the first 50 of 53",
      ]),
    );
    expect(tableBelow(html, /Problems/)).toHaveLength(50);
  });

  test('of nothing has no figure and no number that is none', () => {
    const bare = page(empty);
    expect(bare).toContain('No answer counts.');
    expect(bare).not.toMatch(/NaN|Infinity|undefined|<figure/);
    expect(textsOf(bare, 'h2')).toEqual(['What was asked', 'Scores']);
  });

  test('of points tells them, and draws the groups that have shares', () => {
    const mme = { ...evaluation, all: score('all', 4, undefined) };
    expect(page(mme)).toContain('Of 4 answers that count: points 150.0.');
    expect(elements(scoresFigure(mme).svg, 'circle')).toHaveLength(2);
  });
});

describe('figures', () => {
  test('have a dot, an interval and a name for all and for each group, also of one name', () => {
    const { svg } = scoresFigure(evaluation);
    expect(elements(svg, 'circle')).toHaveLength(3);
    expect(elements(svg, 'g[aria-label="rule"] line')).toHaveLength(3);
    const texts = textsOf(svg, 'text');
    expect(texts.filter((text) => text === 'all')).toHaveLength(2);
    expect(texts).toEqual(expect.arrayContaining(['<b>colors</b> & shapes', '33.3 % of 3']));
    expect(elements(svg, 'b')).toEqual([]);
  });

  test('have dots where the shares are', () => {
    const { svg } = scoresFigure(evaluation);
    const [half, third, whole] = elements(svg, 'circle').map((dot) =>
      Number(dot.getAttribute('cx')),
    );
    // From a third to a half is a sixth, from a half to the whole three of them.
    expect((whole! - half!) / (half! - third!)).toBeCloseTo(3, 1);
  });

  test('show the largest of many groups, in their order', () => {
    const groups = Array.from({ length: 70 }, (_, at) => score(`g${at}`, at + 1, 0.5));
    const { svg, caption } = scoresFigure({ ...evaluation, groups });
    expect(elements(svg, 'circle')).toHaveLength(61);
    expect(textsOf(svg, 'text').filter((text) => /^g\d/.test(`${text}`))[0]).toBe('g10');
    expect(caption).toContain('the 60 largest groups');
  });

  test('tell image tokens as counts and as shares', () => {
    const found = evaluationFigures(evaluation).find(({ name }) => name === 'image-tokens');
    const texts = textsOf(found?.svg ?? '', 'text');
    expect(texts).toEqual(expect.arrayContaining(['after layer 2', '72, 50.0 %']));
    const [all, half] = elements(found?.svg ?? '', 'g[aria-label="bar"] rect').map((bar) =>
      Number(bar.getAttribute('width')),
    );
    expect(all! / half!).toBeCloseTo(2, 1);
  });

  test.each([
    ['one time', [5]],
    ['equal times', [5, 5, 5]],
    ['no time at all', [0]],
  ])('count %s', (_, answersMs) => {
    const times = { answersMs, parts: [] };
    const found = evaluationFigures({ ...evaluation, times }).find(({ name }) => name === 'times');
    expect(found?.svg).not.toMatch(/NaN|Infinity/);
    expect(elements(found?.svg ?? '', 'g[aria-label="rect"] rect')).toHaveLength(1);
  });

  test('that nothing is known for are plots without points, and pictures', () => {
    expect(evaluationFigures(empty)).toEqual([]);
    const none = { ...empty, groups: [] };
    for (const { svg } of [scoresFigure(empty), scoresFigure(none)]) {
      expect(svg).not.toMatch(/NaN|Infinity|<circle/);
      expect(decode(svgToPng(svg, { scale: 1 })).width).toBe(720);
    }
  });

  test('are pictures whatever a group is called', () => {
    const names = ['\u0000\u001b\uffff', '\ud800', 'x'.repeat(500), '', '颜色 🎨'];
    const named = { ...evaluation, groups: names.map((name) => score(name, 1, 1)) };
    expect(decode(svgToPng(scoresFigure(named).svg, { scale: 1 })).width).toBe(720);
  });
});

describe('a document', () => {
  test('is read as it was written', () => {
    for (const written of [evaluation, empty]) {
      expect(parseEvaluation(JSON.stringify(written))).toEqual(JSON.parse(JSON.stringify(written)));
    }
  });

  test.each([
    ['no JSON', '{', /got: no JSON/],
    ['another file', '[]', /expected object/],
    ['a later version', JSON.stringify({ ...evaluation, version: 2 }), /version/],
    [
      'a number that is none',
      JSON.stringify({ ...evaluation, all: { ...evaluation.all, questions: Number.NaN } }),
      /questions/,
    ],
    [
      'a share above 1',
      JSON.stringify({
        ...evaluation,
        all: { ...evaluation.all, accuracy: { value: 2, low: 0, high: 1 } },
      }),
      /accuracy\.value/,
    ],
  ])('is not %s', (_, text, message) => {
    expect(() => parseEvaluation(text)).toThrow(message);
  });
});
