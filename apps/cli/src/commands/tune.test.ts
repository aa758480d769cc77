import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { samplesDirectory } from '@transprune/small-model';
import { expect, test } from 'vitest';
import {
  type Document,
  temporaryFolder,
  transprune,
  transpruneJson,
} from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

/** Three questions that can be asked, a picture that is none, and what is wrong otherwise. */
async function ownData(): Promise<string> {
  const folder = await temporaryFolder();
  const line = (id: number, image: string, answer: string | undefined) =>
    JSON.stringify({ id, image, question: 'what color is the heart?', answer });
  const lines = [
    line(1, 'scene-1.png', 'purple'),
    line(2, 'broken.png', 'red'),
    line(3, 'scene-1.png', undefined),
    line(4, 'scene-1.png', 'green'),
    line(4, 'scene-1.png', 'blue'),
    line(5, 'gone.png', 'red'),
    '{"id": 6',
  ];
  await writeFile(join(folder, 'questions.jsonl'), lines.join('\n'));
  await copyFile(join(samplesDirectory, 'scene-1.png'), join(folder, 'scene-1.png'));
  await writeFile(join(folder, 'broken.png'), 'no picture');
  return folder;
}

/** The one document of a run in which answers failed. */
async function incompleteJson(...parameters: readonly string[]): Promise<Document> {
  const { exitCode, stdout, stderr } = await transprune(...parameters, '--json');
  expect(exitCode).toBe(exitCodes.incomplete);
  expect(stderr).toMatch(/warning: .* failed and stay open; the same command asks again\n$/);
  return JSON.parse(stdout);
}

test('own questions: plans in turns, what is wrong counted, a later run asks what is open', async () => {
  const data = await ownData();
  const answers = join(data, 'answers');
  const output = join(data, 'tune.svg');
  const tune = ['tune', '--data', data, '--answers', answers, '--costs', '.5', '--timed', '1'];
  const first = await incompleteJson(...tune, '-o', output);
  const { schedules } = first;
  const names = schedules.map(({ name }: { name: string }) => name);
  expect(names.slice(0, 6)).toEqual([
    'unpruned',
    'transprune-high',
    'transprune-low',
    'transprune after 2, 3, 4 at 50 %',
    'transprune after 3, 4, 5 at 50 %',
    'transprune after 4, 5, 6 at 50 %',
  ]);
  expect(names.slice(6).every((name: string) => name.startsWith('random after 3, 4, 5'))).toBe(
    true,
  );
  expect(names).toHaveLength(9);
  expect(first).toMatchObject({ questions: 4, compared: 2, withoutTruth: 1, textTokens: 9 });
  expect(first.problems).toHaveLength(3);
  // One of every plan; the first question alone is timed beside the unpruned.
  expect(first.failures).toHaveLength(9);
  for (const { name, cost, accuracy, difference, time } of schedules) {
    if (name.includes('50 %')) expect(cost).toBeCloseTo(0.5, 2);
    for (const { value, low, high } of [accuracy, difference, time]) {
      expect(low).toBeLessThanOrEqual(value);
      expect(high).toBeGreaterThanOrEqual(value);
    }
    expect(time.value).toBeGreaterThan(0);
  }
  expect(schedules[0].accuracy.value).toBe(0.5);
  expect(names).toContain(first.candidate.name);
  // Two questions rule out nothing.
  expect(['unpruned', undefined]).toContain(first.recommended?.name);
  expect(first.heldOut.low).toBeLessThanOrEqual(first.heldOut.value);
  expect(await readFile(output, 'utf8')).toMatch(/^<svg/);

  await copyFile(join(samplesDirectory, 'scene-1.png'), join(data, 'broken.png'));
  const before = await Promise.all((await filesOf(answers)).map((path) => readFile(path, 'utf8')));
  const { stderr, stdout, exitCode } = await transprune(...tune, '-o', join(data, 'tune.html'));
  expect(exitCode).toBe(exitCodes.ok);
  expect(stderr).toContain('3 of 4 answers were there before\n');
  expect(stdout).toMatch(/Recommended: unpruned|3 questions cannot show/);
  expect(stdout).toMatch(/compared: answered by all, the truth known +│ +3 /);
  for (const [at, path] of (await filesOf(answers)).entries()) {
    expect((await readFile(path, 'utf8')).startsWith(before[at] ?? '')).toBe(true);
  }
  expect(await readFile(join(data, 'tune.html'), 'utf8')).toMatch(
    /Recommended: unpruned|3 questions cannot show/,
  );
});

async function filesOf(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort().map((name) => join(folder, name));
}

test.each([
  ['questions of another layout', ['--benchmark', 'mme'], /llava_mme\.jsonl/, exitCodes.notFound],
  ['no benchmark', ['--benchmark', 'mine'], /--benchmark to be one of/, exitCodes.usage],
  ['a cost that is none', ['--costs', '.5,1'], /above 0 and below 1/, exitCodes.usage],
  ['another ending', ['-o', 'tune.pdf'], /ends in \.html, \.svg, \.png/, exitCodes.usage],
])('%s', async (_, parameters, message, expected) => {
  const { exitCode, stderr } = await transprune('tune', '--data', await ownData(), ...parameters);
  expect(stderr).toMatch(message);
  expect(exitCode).toBe(expected);
});

test('a picture that is none, before all others: the rest is asked, timed and told apart', async () => {
  const data = await ownData();
  const lines = (await readFile(join(data, 'questions.jsonl'), 'utf8')).split('\n');
  await writeFile(join(data, 'questions.jsonl'), [lines[1], lines[0]].join('\n'));
  const tune = ['tune', '--data', data, '--answers', join(data, 'answers'), '--timed', '1'];
  const first = await incompleteJson(...tune, '--costs', '.5,.504');
  expect(first).toMatchObject({ questions: 2, compared: 1 });
  const names = first.schedules.map(({ name }: { name: string }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { time } of first.schedules) expect(time.value).toBeGreaterThan(0);
  const again = await incompleteJson(...tune, '--costs', '.5,.504');
  expect(again.schedules).toEqual(first.schedules);
  const { stdout } = await transprune(...tune, '--costs', '.5,.504');
  expect(stdout.match(/question 2: /g)).toHaveLength(1);
});

test('what nobody timed has no time: null in the document, a dash in the table, no point in the plot', async () => {
  const data = await ownData();
  const answers = join(data, 'answers');
  const tune = ['tune', '--data', data, '--answers', answers, '--costs', '.5', '--limit', '1'];
  const first = await transpruneJson(...tune);
  expect(first.candidate.name).toBeDefined();
  for (const path of (await filesOf(answers)).filter((path) => !/\/unpruned/.test(path))) {
    const line = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, `${JSON.stringify({ ...line, metadata: {} })}\n`);
  }
  const { schedules, recommended } = await transpruneJson(...tune);
  expect(schedules.length).toBeGreaterThan(5);
  for (const schedule of schedules.slice(1)) {
    expect(schedule).toMatchObject({ time: null, answerMs: null, prefillMs: null });
    expect(schedule.accuracy.value).toBeDefined();
    expect(schedule.isOnFront).toBe(false);
  }
  expect(schedules[0].answerMs).toBeGreaterThan(0);
  expect(recommended).toMatchObject({ name: 'unpruned', options: '--preset none' });

  const output = join(data, 'tune.svg');
  const { stdout } = await transprune(...tune, '-o', output);
  expect(stdout).not.toContain('NaN');
  expect(stdout.match(/ % +│ +- │ +- │/g)).toHaveLength(schedules.length - 1);
  expect(stdout).toMatch(/^Recommended: unpruned\.\nOf 5 plans no question that is timed/m);
  const svg = await readFile(output, 'utf8');
  expect(svg).not.toMatch(/NaN|Infinity/);
  expect(svg).toContain('>unpruned<');
  expect(svg).not.toContain('>random');
  const { stdout: byFlops } = await transprune(...tune, '--by', 'flops');
  expect(byFlops).not.toMatch(/NaN|no question that is timed/);
});

test('a reduction before the decoder, alone and with prunes after it', async () => {
  const data = await ownData();
  const parameters = ['--data', data, '--answers', join(data, 'answers'), '--limit', '1'];
  const reducing = ['--reduce', 'downsample', '--reduce-to', '81'];
  const tune = ['tune', ...parameters, '--costs', '.7,.3', ...reducing];
  const { schedules } = await transpruneJson(...tune);
  const reduced = schedules.filter(({ reduction }: Document) => reduction);
  const reduction = { method: 'downsample', tokens: 81 };
  expect(reduced).toMatchObject([
    { name: 'downsample to 81', reduction, plan: { stages: [] }, isBaseline: false },
    // It costs less than 70 % by itself.
    { name: 'downsample to 81, transprune after 3, 4, 5 at 30 %', reduction },
  ]);
  const [alone, both] = reduced;
  expect(alone.options).toBe('--preset none --reduce downsample --reduce-to 81');
  expect(both.options).toMatch(
    /^--prune-after 3,4,5 --keep \S+ --reduce downsample --reduce-to 81$/,
  );
  expect(alone.cost).toBeLessThan(0.7);
  expect(both.cost).toBeCloseTo(0.3, 2);
  expect(both.plan.stages.at(-1).keepRatio).toBeLessThan(1);
  for (const { time, accuracy } of reduced) {
    expect(time.value).toBeGreaterThan(0);
    expect(accuracy).not.toBeNull();
  }
  // Chance at what the reduction costs.
  const random = schedules.filter(({ isBaseline }: Document) => isBaseline);
  expect(random.some(({ cost }: Document) => Math.abs(cost - alone.cost) < 0.01)).toBe(true);
  const again = await transpruneJson(...tune);
  expect(again.schedules).toEqual(schedules);
  const { stderr } = await transprune('tune', ...parameters, '--reduce', 'downsample');
  expect(stderr).toMatch(/expected --reduce-to with --reduce/);
});

test('plans whose prunes go by the layers since the one before', async () => {
  const data = await ownData();
  const parameters = ['--data', data, '--answers', join(data, 'answers'), '--costs', '.5'];
  const tune = ['tune', ...parameters, '--limit', '1', '--accumulation', 'per-stage'];
  const { schedules } = await transpruneJson(...tune);
  const scored = schedules.filter(({ name }: { name: string }) => /^transprune/.test(name));
  expect(scored).toHaveLength(5);
  for (const { plan, options } of scored) {
    expect(plan.accumulation).toBe('per-stage');
    expect(options).toContain('--accumulation per-stage');
  }
  // Chance has none to go by; told before anything is asked.
  for (const { plan } of schedules.slice(6)) expect(plan).not.toHaveProperty('accumulation');
  const refused = await transprune(...tune, '--method', 'fastv', '--answers', join(data, 'other'));
  expect([refused.exitCode, refused.stderr]).toEqual([
    exitCodes.usage,
    expect.stringMatching(/^error: --accumulation is for/),
  ]);
  expect(await readdir(data)).not.toContain('other');
});

test('plans that keep positions', async () => {
  const data = await ownData();
  const parameters = ['--data', data, '--answers', join(data, 'answers'), '--costs', '.5'];
  const { schedules } = await transpruneJson(
    ...['tune', ...parameters, '--limit', '1', '--positions', 'keep'],
  );
  const pruned = schedules.slice(1);
  expect(pruned.length).toBeGreaterThan(3);
  for (const { plan, options } of pruned) {
    expect(plan.positions).toBe('keep');
    // What is recommended is what was measured.
    expect(options).toContain('--positions keep');
  }
});

test('questions without a known answer are refused before any is asked', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'questions.jsonl'), '{"id": 1, "question": "what is it?"}\n');
  const { exitCode, stderr } = await transprune('tune', '--data', folder);
  expect(stderr).toMatch(/right answer is known, got none; give "answer"/);
  expect(exitCode).toBe(exitCodes.usage);
  await writeFile(join(folder, 'questions.jsonl'), 'no json\n');
  const none = await transprune('tune', '--data', folder);
  expect(none.stderr).toMatch(
    /a question that can be asked in own, .*got none; questions.jsonl:1: no JSON/,
  );
});
