import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { parseEvaluation } from '@transprune/report';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { closedAddress } from '../../testing/hub.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

let data: string;
let answers: string;

/** POPE with two pictures, three questions of one split, and a fourth whose picture is missing. */
beforeEach(async () => {
  data = await temporaryFolder();
  answers = join(data, 'answers', 'pope.jsonl');
  const asked = (question_id: number, image: string, it: string) => ({
    ...{ question_id, image, category: 'random' },
    text: `Is there a ${it} in the image?\nAnswer the question using a single word or phrase.`,
  });
  const label = (image: string, it: string, answer: string) => ({
    ...{ question_id: 1, image, label: answer },
    text: `Is there a ${it} in the image?`,
  });
  const lines = (...entries: object[]) => entries.map((entry) => JSON.stringify(entry)).join('\n');
  const files = {
    'pope/llava_pope_test.jsonl': lines(
      asked(1, 'scene-1.png', 'heart'),
      asked(2, 'scene-1.png', 'dog'),
      asked(3, 'scene-2.png', 'cat'),
      asked(4, 'gone.png', 'cat'),
    ),
    'pope/coco/coco_pope_random.json': lines(
      label('scene-1.png', 'heart', 'yes'),
      label('scene-1.png', 'dog', 'no'),
    ),
    'pope/coco/coco_pope_popular.json': '',
    'pope/coco/coco_pope_adversarial.json': '',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(data, path)), { recursive: true });
    await writeFile(join(data, path), content);
  }
  await mkdir(join(data, 'pope/val2014'));
  for (const name of ['scene-1.png', 'scene-2.png']) {
    await copyFile(join(samplesDirectory, name), join(data, 'pope/val2014', name));
  }
});

const pope = () => ['eval', 'pope', '--data', data, '--answers', answers];

async function linesOf(path: string) {
  return (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** A server in OpenAI's shape that says yes to everything but what `fails` names. */
async function yesServer(fails?: string) {
  const asked: { model: string; text: string; picture: string; length: number }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { model, messages } = JSON.parse(`${Buffer.concat(chunks)}`);
    const [
      {
        image_url: { url: picture },
      },
      { text },
    ] = messages[0].content;
    asked.push({ model, text, picture: picture.slice(0, 22), length: picture.length });
    response.setHeader('content-type', 'application/json');
    if (fails !== undefined && text.includes(fails)) {
      response.statusCode = 400;
      response.end(JSON.stringify({ error: { message: 'the picture is too large' } }));
      return;
    }
    const choices = [{ index: 0, message: { role: 'assistant', content: 'Yes.' } }];
    response.end(JSON.stringify({ choices, usage: { total_tokens: 3 } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  return { asked, parameters: ['--server', `http://127.0.0.1:${port}/v1`, '--server-model', 'm'] };
}

describe('without --data', () => {
  test('lists benchmarks and their files', async () => {
    const { stdout } = await transprune('eval');
    expect(stdout).toMatch(/^pope: .*\(arXiv 2305\.10355\)$/m);
    expect(stdout).toContain('  pope/llava_pope_test.jsonl\n');
    const { benchmarks } = await transpruneJson('eval', 'mme');
    expect(benchmarks).toMatchObject([{ name: 'mme', files: expect.any(Array) }]);
  });
});

describe('a model that is here', () => {
  test('answers, pruned as it is told, and goes on where it ended', async () => {
    const plan = ['--prune-after', '3', '--keep', '.5'];
    const first = await transpruneJson(...pope(), ...plan, '--limit', '1');
    expect(first).toMatchObject({ questions: 1, answered: 1, failures: [] });
    const { problems, score, model } = await transpruneJson(...pope(), ...plan);
    expect(problems).toEqual([{ where: 'question random/4', what: expect.stringMatching('gone') }]);
    expect(score).toMatchObject({ questions: 2, withoutTruth: 1 });
    expect(model).toBe(
      `${modelDirectory}: transprune 3:0.5 of layers 3 1-cos both positions renumber`,
    );
    const lines = await linesOf(answers);
    expect(lines.map(({ question_id }) => question_id)).toEqual([
      'random/1',
      'random/2',
      'random/3',
    ]);
    expect(lines[0]).toMatchObject({ model_id: model, metadata: { keptImageTokens: [72] } });

    const other = await transprune(...pope(), '--preset', 'none');
    expect(other.exitCode).toBe(exitCodes.usage);
    expect(other.stderr).toMatch(/answers of \S+: unpruned in .*, got one of .* in line 1/);
  });
});

describe('a server', () => {
  test('answers; scores, counts and official files are shown', async () => {
    const { asked, parameters } = await yesServer();
    const official = join(data, 'official');
    const ask = [...pope(), ...parameters, '--concurrency', '2', '--official', official];
    const { stdout, stderr, exitCode } = await transprune(...ask);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toMatch(/random +│ +2 │ +50\.0 % │ +50\.0 % │ +100\.0 % │ +66\.7 % │ +100\.0 %/);
    expect(stdout).toMatch(/without a known truth, which do not count +│ +1 /);
    expect(stdout).toMatch(/problems in the benchmark's files +│ +1 /);
    expect(stdout).toContain('question random/4: no picture');
    expect(stderr).toBe('');
    expect(asked).toHaveLength(3);
    expect(asked[0]).toMatchObject({ model: 'm', picture: 'data:image/png;base64,' });
    expect(await linesOf(join(official, 'pope/random.jsonl'))).toHaveLength(2);

    const again = await transprune(...ask);
    expect(again.exitCode).toBe(exitCodes.usage);
    expect(again.stderr).toContain('an empty folder for --official');
    expect((await transprune(...ask, '--force')).stderr).toContain('3 of 3 were answered before');
    expect(asked).toHaveLength(3);
  });

  test('what it refuses stays open, and is asked again', async () => {
    const { parameters } = await yesServer('dog');
    const failed = await transprune(...pope(), ...parameters);
    expect(failed.exitCode).toBe(exitCodes.incomplete);
    expect(failed.stdout).toMatch(/Failed:\n {2}question random\/2: .*the picture is too large/);
    expect(failed.stderr).toContain('1 of 3 questions failed and stay open');
    // Nothing else is open: what is answered is scored all the same.
    const again = await transprune(...pope(), ...parameters);
    expect([again.exitCode, again.stdout]).toEqual([exitCodes.incomplete, failed.stdout]);
    const told = await transprune(...pope(), ...parameters, '--json');
    expect(told.exitCode).toBe(exitCodes.incomplete);
    expect(JSON.parse(told.stdout)).toMatchObject({ answered: 2, failures: [{}], official: [] });
    const good = await yesServer();
    const { failures, answered } = await transpruneJson(...pope(), ...good.parameters);
    expect([failures, answered, good.asked.length]).toEqual([[], 3, 1]);
  });

  test('that is not there ends the run', async () => {
    const server = `${await closedAddress()}/v1`;
    const { exitCode, stdout, stderr } = await transprune(
      ...[...pope(), '--server', server, '--server-model', 'm'],
    );
    expect([exitCode, stdout]).toEqual([exitCodes.failure, '']);
    expect(stderr).toMatch(
      /expected answers from m, got none to 3 questions; question random\/1: /,
    );
  });

  test('is asked a shard', async () => {
    const { asked, parameters } = await yesServer();
    await transpruneJson(...pope(), ...parameters, '--shard', '2/2');
    expect(asked.map(({ text }) => text)).toEqual([expect.stringContaining('dog')]);
  });
});

test('pictures can be left out, or shown in few pixels; the answers are not those of the pictures', async () => {
  const { asked, parameters } = await yesServer();
  const lengths: number[] = [];
  for (const less of [[], ['--pixels', '8'], ['--blind']]) {
    const path = join(data, `${less.join('')}.jsonl`);
    const { model } = await transpruneJson(...pope().slice(0, -1), path, ...parameters, ...less);
    expect(model).toContain(['', ', 8 x 8 pixels', ', blind'][lengths.length]);
    lengths.push(asked.at(-1)?.length ?? 0);
  }
  const [whole = 0, coarse = 0, blind = 0] = lengths;
  expect(coarse).toBeLessThan(whole);
  expect(blind).toBeLessThan(coarse / 4);
  const before = [...pope().slice(0, -1), join(data, '.jsonl'), ...parameters];
  const other = await transprune(...before, '--blind');
  expect(other.stderr).toContain('m, blind');
  const both = await transprune(...pope(), ...parameters, '--blind', '--pixels', '8');
  expect(both.exitCode).toBe(exitCodes.usage);
});

test('what is judged as a whole and answered in part is counted', async () => {
  const picture = (await readFile(join(samplesDirectory, 'scene-1.png'))).toString('base64');
  const rows = [
    '1\tq\ta\tb\tA',
    '1000001\tq\tb\ta\tB',
    '2\tq\tyes\tno\tA',
    '1000002\tq\tno\tyes\tB',
  ];
  await mkdir(join(data, 'mmbench'));
  await writeFile(
    join(data, 'mmbench/mmbench_dev_20230712.tsv'),
    ['index\tquestion\tA\tB\tanswer\timage', ...rows.map((row) => `${row}\t${picture}`)].join('\n'),
  );
  const { parameters } = await yesServer();
  const ask = ['eval', 'mmbench-circular', '--data', data, '--answers', answers, ...parameters];
  const { stdout } = await transprune(...ask, '--limit', '3');
  expect(stdout).toMatch(/pairs or turns not answered in full, which do not count +│ +1 /);
  const { score } = await transpruneJson(...ask);
  expect(score).toMatchObject({ questions: 2, metrics: { accuracy: 0.5 }, incomplete: 0 });
});

test('the held-out questions of the small model need no folder', async () => {
  const { asked, parameters } = await yesServer();
  const { score, answered } = await transpruneJson(
    ...['eval', 'embedded', '--answers', answers, '--limit', '2', ...parameters],
  );
  expect([answered, score.questions, asked.length]).toEqual([2, 2, 2]);
});

test('workers that nobody can reach', async () => {
  const gone = new URL(await closedAddress()).host;
  const { exitCode, stderr } = await transprune(...pope(), '--queue', `redis://${gone}`);
  expect(exitCode).toBe(exitCodes.notFound);
  expect(stderr).toMatch(/expected a Redis server at redis:.*ECONNREFUSED/);
  const other = await transprune(...pope(), '--queue', `http://${gone}`);
  expect(other.stderr).toMatch(/expected the address of a Redis server/);
  const worker = await transprune('eval', 'worker', '--queue', `redis://${gone}`);
  expect(worker.exitCode).toBe(exitCodes.notFound);
});

test.each([
  [['popes'], /one of mme, .*, got popes/],
  [['--data', '.'], /expected a benchmark with --data/],
  [['pope', '--data', '.'], /expected --answers with --data/],
  [['pope', '--answers', 'a'], /expected --data with --answers/],
  [['embedded', '--data', '.', '--answers', 'a'], /expected no --data with embedded/],
  [['pope', '--queue', 'redis://a', '--device', 'cpu'], /cannot be used with option/],
  [['worker'], /required option '--queue/],
  [['pope', '--data', '.', '--answers', 'a', '--shard', '3/2'], /expected a shard such as 2\/4/],
  [
    ['pope', '--data', '.', '--answers', 'a', '--server', 'http://a'],
    /--server-model with --server/,
  ],
  [['pope', '--data', '.', '--answers', 'a', '--concurrency', '2'], /--server with --concurrency/],
  [
    ['pope', '--data', '.', '--answers', 'a', '--server', 'a:b', '--server-model', 'm'],
    /the address of a server/,
  ],
  ...[
    ['--speedup', '2'],
    ['--reduce', 'random'],
    ['--reduce-to', '10'],
    ['--alpha', '.4'],
    ['--seed', '1'],
  ].flatMap((given): [string[], RegExp][] => {
    const server = ['pope', '--server', 'http://a', ...given];
    const message = new RegExp(`'--server <address>' cannot be used with option '${given[0]} `);
    return [
      [server, message],
      [[...server, '--queue', 'redis://a'], message],
    ];
  }),
])('%s is refused', async (parameters, message) => {
  const { exitCode, stdout, stderr } = await transprune('eval', ...parameters);
  expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  expect(stderr).toMatch(message);
});

test('what nothing can be asked of, and no answers can be kept in', async () => {
  await writeFile(join(data, 'questions.jsonl'), 'no json\n');
  const own = ['eval', 'own', '--data', data];
  const empty = await transprune(...own, '--answers', answers);
  expect(empty.exitCode).toBe(exitCodes.usage);
  expect(empty.stderr).toMatch(/question that can be asked in own, .*got none; questions.jsonl:1/);
  const device = await transprune(...own, '--answers', '/dev/null');
  expect(device.exitCode).toBe(exitCodes.failure);
  expect(device.stderr).toContain('expected to write /dev/null, got a device; name a file');
});

test('a folder without the files says which is missing', async () => {
  const { exitCode, stderr } = await transprune(
    ...['eval', 'gqa', '--data', data, '--answers', answers],
  );
  expect(exitCode).toBe(exitCodes.notFound);
  expect(stderr).toMatch(/expected the benchmark's file .*gqa/);
});

describe('a report', () => {
  const report = (ending: string) => join(data, `report${ending}`);

  test('is what the ending says', async () => {
    const ask = [...pope(), '--preset', 'transprune-high'];
    const { stdout } = await transprune(...ask, '-o', report('.json'));
    expect(stdout).toContain(`Wrote ${report('.json')}.`);
    const evaluation = parseEvaluation(await readFile(report('.json'), 'utf8'));
    expect(evaluation).toMatchObject({
      benchmark: 'pope',
      model: modelDirectory,
      plan: expect.stringMatching(/^transprune \d/),
      counts: { questions: 3, answered: 3 },
    });
    expect(evaluation.times?.answersMs).toHaveLength(3);
    const [all, ...stages] = evaluation.imageTokens ?? [];
    expect(all).toMatchObject({ stage: 'at the start', median: 144 });
    expect(stages.length).toBeGreaterThan(0);
    expect(stages.at(-1)?.median).toBeLessThan(all?.median ?? 0);

    // What is answered is not asked again.
    for (const ending of ['.html', '.svg', '.png']) {
      const { exitCode, stderr } = await transprune(...ask, '-o', report(ending));
      expect(exitCode).toBe(exitCodes.ok);
      expect(stderr).toContain('3 of 3 were answered before');
    }
    const html = await readFile(report('.html'), 'utf8');
    for (const told of ['What was asked', evaluation.plan ?? '', 'after layer', 'prefill'])
      expect(html).toContain(told);
    expect(html).not.toMatch(/NaN|undefined/);
    expect(await readFile(report('.svg'), 'utf8')).toMatch(/^<svg.*right answers/s);
    expect((await readFile(report('.png'))).subarray(1, 4).toString()).toBe('PNG');
  });

  test('of the held-out questions of the small model', async () => {
    const { parameters } = await yesServer();
    const ask = ['eval', 'embedded', '--answers', answers, '--limit', '2', ...parameters];
    await transpruneJson(...ask, '-o', report('.json'));
    const { wrong, all } = parseEvaluation(await readFile(report('.json'), 'utf8'));
    expect([all.questions, wrong?.count]).toEqual([2, 2]);
    expect(wrong?.first).toMatchObject([
      { id: '0-0', right: expect.stringMatching(/^\w+$/), given: 'Yes.' },
      { id: '0-1', right: expect.stringMatching(/^\w+$/), given: 'Yes.' },
    ]);
  });

  test('tells wrong answers with the right ones, and what was shown', async () => {
    const { parameters } = await yesServer();
    await transpruneJson(...pope(), ...parameters, '--blind', '-o', report('.json'));
    const evaluation = parseEvaluation(await readFile(report('.json'), 'utf8'));
    expect(evaluation).toMatchObject({
      model: 'm',
      counts: { withoutTruth: 1 },
      all: { questions: 2, accuracy: { value: 0.5 } },
      groups: [{ name: 'random' }],
      problems: [{ where: 'question random/4' }],
      wrong: {
        count: 1,
        first: [
          { id: 'random/2', question: expect.stringMatching(/dog/), right: 'no', given: 'Yes.' },
        ],
      },
    });
    expect(evaluation.conditions).toContainEqual({
      name: 'pictures',
      value: 'none, grey instead of them',
    });
    expect([evaluation.plan, evaluation.times, evaluation.imageTokens]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('of your own questions shows text as text', async () => {
    const lines = [
      { id: 1, image: 'scene-1.png', question: 'is <b>it</b> red?', answer: ['<no>', 'never'] },
      { id: 2, image: 'scene-1.png', question: 'is it blue?', answer: 'yes', category: '<i>' },
    ];
    await writeFile(
      join(data, 'questions.jsonl'),
      lines.map((line) => JSON.stringify(line)).join('\n'),
    );
    await copyFile(join(samplesDirectory, 'scene-1.png'), join(data, 'scene-1.png'));
    const { parameters } = await yesServer();
    const ask = ['eval', 'own', '--data', data, '--answers', answers, ...parameters];
    await transpruneJson(...ask, '-o', report('.html'));
    const html = await readFile(report('.html'), 'utf8');
    expect(html).toContain('<td>is &lt;b&gt;it&lt;/b&gt; red?</td><td>&lt;no&gt;, or never</td>');
    expect(html).not.toMatch(/<b>|<i>|<no>/);
  });

  test('of a run that is not complete tells what failed, and is replaced by the next', async () => {
    const { parameters } = await yesServer('dog');
    const ask = [...pope(), '-o', report('.html')];
    const failed = await transprune(...ask, ...parameters);
    expect(failed.exitCode).toBe(exitCodes.incomplete);
    expect(failed.stderr).toContain('the same command with --force asks them again');
    expect(await readFile(report('.html'), 'utf8')).toContain('the picture is too large');
    const good = await yesServer();
    const again = await transprune(...ask, ...good.parameters);
    expect([again.exitCode, good.asked]).toEqual([exitCodes.usage, []]);
    await transpruneJson(...ask, ...good.parameters, '--force');
    expect(await readFile(report('.html'), 'utf8')).not.toContain('the picture is too large');
  });

  test.each([
    ['another ending', 'report.pdf', /ends in \.html, \.svg, \.png, \.json, got .*report\.pdf/],
    ['no ending', 'report', /ends in \.html/],
    ['a folder that is not there', 'gone/report.html', /gone\/report\.html, got no such/],
    ['the file of the answers', 'answers.json', /another file than .*answers\.json/],
  ])('%s is refused before anything is asked', async (_, name, message) => {
    const { asked, parameters } = await yesServer();
    const before = (await readdir(data, { recursive: true })).sort();
    const ask = ['eval', 'pope', '--data', data, '--answers', join(data, 'answers.json')];
    const { exitCode, stdout, stderr } = await transprune(
      ...[...ask, ...parameters, '-o', join(data, name), '--force'],
    );
    expect(stderr).toMatch(message);
    expect([exitCodes.usage, exitCodes.failure]).toContain(exitCode);
    expect([stdout, asked]).toEqual(['', []]);
    expect((await readdir(data, { recursive: true })).sort()).toEqual(before);
  });

  test('without answers is refused', async () => {
    const { exitCode, stderr } = await transprune('eval', 'embedded', '-o', report('.html'));
    expect([exitCode, stderr]).toEqual([
      exitCodes.usage,
      expect.stringMatching(/--answers with -o/),
    ]);
  });
});
