import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { parseTrace } from '@transprune/trace';
import { decode } from 'fast-png';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

const image = join(samplesDirectory, 'scene-1.png');
const ask = ['visualize', image, 'what color is the heart?'];

/** One answer is enough for all figures. */
let traceText: string;
beforeAll(async () => {
  traceText = JSON.stringify(await transpruneJson(...ask));
});

let folder: string;
let trace: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  trace = join(folder, 'trace.json');
  await writeFile(trace, traceText);
});

test('a trace tells what stayed, by which scores, what layers did, and what was answered', () => {
  const found = parseTrace(traceText);
  expect(found).toMatchObject({
    ...{ model: modelDirectory, device: 'cpu', question: 'what color is the heart?' },
    ...{ grid: { columns: 12, rows: 12 }, imageTokens: 144 },
    picture: { name: 'scene-1.png', width: 96, height: 96 },
    unpruned: { text: 'purple' },
  });
  expect(found.layers.map(({ layer }) => layer)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(found.layers[0]!.ffn.magnitude).toHaveLength(144);
  let before = Array.from({ length: 144 }, (_, at) => at);
  for (const { candidates, kept, scores, parts, keepRatio } of found.stages) {
    expect(candidates).toEqual(before);
    expect(kept).toHaveLength(Math.floor(keepRatio * 144));
    const best = scores.map((score, row) => ({ score, patch: candidates[row]! }));
    best.sort((a, b) => b.score - a.score);
    const patches = best.slice(0, kept.length).map(({ patch }) => patch);
    expect(patches.sort((a, b) => a - b)).toEqual(kept);
    for (const part of [parts!.transition, parts!.instruction]) {
      expect(part.reduce((sum, share) => sum + share)).toBeCloseTo(1, 4);
    }
    before = [...kept];
  }
  expect(found.pruned.imageTokensPerLayer.at(-1)).toBe(before.length);
  expect(found.pruned.multiplyAdds).toBeLessThan(found.unpruned!.multiplyAdds);
});

test('another plan, written as the trace itself, without layers', async () => {
  const output = join(folder, 'fastv.json');
  const plan = ['--method', 'fastv', '--prune-after', '3', '--keep', '.5'];
  const { exitCode, stdout } = await transprune(...ask, ...plan, '--no-layers', '-o', output);
  expect(exitCode).toBe(exitCodes.ok);
  expect(stdout).toMatch(/Pruned: \w+.*after layer 3 │ +72 .*Wrote .*fastv\.json\./s);
  const { stages, layers, plan: ran } = parseTrace(await readFile(output, 'utf8'));
  expect([stages.length, stages[0]?.parts, layers, ran.method]).toEqual([
    1,
    undefined,
    [],
    'fastv',
  ]);
});

describe('a trace is drawn', () => {
  const draw = (...parameters: string[]) =>
    transprune('visualize', '--trace', trace, ...parameters);

  test('as a page', async () => {
    const output = join(folder, 'report.html');
    expect((await draw('-o', output)).exitCode).toBe(exitCodes.ok);
    const page = await readFile(output, 'utf8');
    expect(page).toContain('<h1>what color is the heart?</h1>');
    expect(page.match(/<figure>/g)).toHaveLength(6);
  });

  test('that the page of apps/demo wrote', async () => {
    const prepared = new URL('../../../demo/public/prepared/example-high.json', import.meta.url);
    const output = join(folder, 'of-the-page.html');
    const path = fileURLToPath(prepared);
    const { exitCode } = await transprune('visualize', '--trace', path, '-o', output);
    expect(exitCode).toBe(exitCodes.ok);
    const { question } = parseTrace(await readFile(path, 'utf8'));
    expect(await readFile(output, 'utf8')).toContain(`<h1>${question}</h1>`);
  });

  test('as one of its figures', async () => {
    const output = join(folder, 'scores.svg');
    await draw('-o', output, '--figure', 'scores');
    expect(await readFile(output, 'utf8')).toMatch(/^<svg .*after layer 5/s);
    const png = join(folder, 'kept.PNG');
    await draw('-o', png);
    const { width, height } = decode(await readFile(png));
    expect(width).toBeGreaterThan(3 * height);
    expect((await readdir(folder)).sort()).toEqual(['kept.PNG', 'scores.svg', 'trace.json']);
  });

  test('over a file that is there only with --force', async () => {
    const output = join(folder, 'report.html');
    await copyFile(trace, output);
    const refused = await draw('-o', output);
    expect(refused.exitCode).toBe(exitCodes.usage);
    expect(refused.stderr).toContain('which is there already');
    expect(await readFile(output, 'utf8')).toBe(traceText);
    expect((await draw('-o', output, '--force')).exitCode).toBe(exitCodes.ok);
    const itself = await draw('-o', trace, '--force');
    expect(itself.stderr).toMatch(/which is read/);
  });

  test('not with a figure that it has no numbers for', async () => {
    await writeFile(trace, JSON.stringify({ ...JSON.parse(traceText), layers: [] }));
    const { exitCode, stderr } = await draw(
      '-o',
      join(folder, 'a.svg'),
      '--figure',
      'ffn-direction',
    );
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/figures, kept-patches, scores, got ffn-direction/);
    expect(await readdir(folder)).toEqual(['trace.json']);
  });

  test('not if it is none', async () => {
    await writeFile(trace, '{}');
    const { exitCode, stderr } = await draw('-o', join(folder, 'a.svg'));
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toContain('expected a trace');
    await writeFile(trace, '{');
    expect((await draw('-o', join(folder, 'a.svg'))).stderr).toContain('no JSON');
  });
});

test.each([
  [[image, 'what?'], /expected -o with a file/],
  [[image, 'what?', '-o', 'a.gif'], /ends in \.html, \.svg, \.png, \.json, got a\.gif/],
  [[image, 'what?', '-o', 'a.html', '--figure', 'scores'], /\.svg or \.png with --figure/],
  [[image, image, 'what?', '-o', 'a.html'], /one picture and a question, got 2 pictures/],
  [[image, '-o', 'a.html'], /expected pictures and a question/],
  [
    ['--trace', 'a.json', image, 'what?', '-o', 'a.html'],
    /no picture and no question with --trace/,
  ],
  [['--trace', 'a.json', '--speedup', '2', '-o', 'a.html'], /cannot be used with option/],
])('%s is refused', async (parameters, message) => {
  const { exitCode, stdout, stderr } = await transprune('visualize', ...parameters);
  expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  expect(stderr).toMatch(message);
});

test('a trace that is not there', async () => {
  const { exitCode, stderr } = await transprune(
    ...['visualize', '--trace', join(folder, 'none.json'), '-o', join(folder, 'a.svg')],
  );
  expect([exitCode, stderr]).toEqual([exitCodes.notFound, expect.stringMatching('a trace at')]);
});
