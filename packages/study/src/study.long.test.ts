/** `npm run study -- --quick`, in this process. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEvaluation } from '@transprune/embedded-model';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { conduct } from './conduct.js';
import { quick } from './study.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'study-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { signal } = new AbortController();

/** Cells of the first table after a text. */
function tableAfter(document: string, text: string): string[][] {
  const after = document.slice(document.indexOf(text));
  const lines = after.split('\n');
  const from = lines.findIndex((line) => line.startsWith('|'));
  const length = lines.slice(from).findIndex((line) => !line.startsWith('|'));
  return lines.slice(from, from + length).map((line) => line.split(' | '));
}

test('every part, of a few questions; a second run asks nothing again', async () => {
  const begun: string[] = [];
  const run = () =>
    conduct({ extent: quick, threads: 2, folder, signal, onBegin: (what) => begun.push(what) });
  const { document, figures } = await run();
  const headings = document.match(/^## .*/gm);
  expect(headings).toEqual([
    '## Right answers',
    '## Dropped, or misread',
    '## What the score is made of',
    '## Where it prunes, at the same cost',
    '## What tells objects from background',
    '## A large picture pruned, or a small one as it is',
    '## Questions that take two steps',
    '## A conversation about one picture',
    '## Times and memory',
    '## When not to use this',
  ]);
  expect(document).not.toMatch(/undefined|NaN|\[object/);
  const [head, , unpruned, blind] = tableAfter(document, '## Right answers');
  expect(head?.slice(0, 4)).toEqual(['| right answers, %', 'cost, %', 'all', 'against unpruned']);
  for (const kind of Object.keys(readEvaluation().kinds)) {
    expect(document).toMatch(new RegExp(`${kind} [\\d.]+ % \\([\\d.]+\\)`));
  }
  expect(Number.parseFloat(unpruned?.[2] ?? '')).toBeGreaterThan(80);
  expect(Number.parseFloat(blind?.[2] ?? '')).toBeLessThan(60);
  const methods = tableAfter(document, '**At the cost of High**').map(([name]) => name);
  for (const method of ['transprune', 'random', 'downsample', 'vision-zip', 'fastv']) {
    expect(methods).toContain(`| ${method}, High`);
  }
  // No method costs more than TransPrune.
  const costs = tableAfter(document, '**At the cost of Low**')
    .slice(2)
    .map(([, cost]) => Number(cost));
  expect(Math.max(...costs)).toBe(costs[0]);
  const left = tableAfter(document, '## Dropped, or misread');
  expect(left.slice(2).map(([name]) => name)).toContain('| transprune, positions kept, High');
  expect(figures.map(({ svg }) => svg.startsWith('<svg'))).toEqual([true]);

  const files = await readdir(folder);
  expect(files.every((name) => name.endsWith('.jsonl'))).toBe(true);
  const answers = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const counts = answers.map((text) => text.trimEnd().split('\n').length);
  expect(Math.max(...counts)).toBe(quick.questions);
  begun.length = 0;
  await run();
  expect(begun.map((what) => what.split(' ')[0])).toEqual(['signals', 'times']);
});
