import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { presetPlan } from '@transprune/core';
import { tokensPerLayer } from '@transprune/flops';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { closedAddress } from '../../testing/hub.js';
import {
  piped,
  temporaryFolder,
  transprune,
  transpruneJson,
  transpruneWith,
} from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';
import { runs } from '../show/units.js';

const image = join(samplesDirectory, 'scene-1.png');
const question = 'what color is the heart?';

/** The sizes are the model's; what the preset keeps of them is counted by another package. */
const config = JSON.parse(readFileSync(join(modelDirectory, 'config.json'), 'utf8'));
const layers: number = config.text_config.num_hidden_layers;
const imageTokens: number = config.image_seq_length;
const { plan } = presetPlan('transprune-high', layers);
const imageTokensPerLayer = tokensPerLayer(plan, layers, imageTokens);

describe('one answer', () => {
  test('is the data; figures go to stderr', async () => {
    const { exitCode, stdout, stderr } = await transprune('run', image, question);
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toMatch(/^\S.*\n$/);
    expect(stderr).toContain(`image tokens ${runs(imageTokensPerLayer)}; first token after `);
  });

  test('as a document', async () => {
    const document = await transpruneJson('run', image, question);
    expect(document).toMatchObject({
      images: [image],
      question,
      device: 'cpu',
      preset: 'transprune-high',
      schedule: 'depth-scaled',
      imageTokens,
      pruned: { imageTokensPerLayer, finishReason: 'stop' },
    });
    expect(document.pruned.answer).not.toBe('');
  });

  test('within a budget, counted for one picture by the sizes of the model', async () => {
    const budget = ['--speedup', '1.3'];
    const { plan: fitted } = await transpruneJson('run', image, question, ...budget);
    const places = ({ stages }: typeof plan) => stages.map(({ afterLayer }) => afterLayer);
    expect(places(fitted)).toEqual(places(plan));
    expect(fitted.stages.at(-1).keepRatio).toBeGreaterThan(plan.stages.at(-1)?.keepRatio ?? 1);
    const { stderr } = await transprune('run', image, question, ...budget);
    expect(stderr).toMatch(/1\.3\d* of 1\.3, keeping .* counted for 144 image and 64 text tokens/);
    const both = await transprune('run', image, question, ...budget, '--keep-ratios', '1,1,1');
    expect(both.exitCode).toBe(exitCodes.usage);
  });

  test('by a weight that the file of a pruned decoder keeps, beside a seed of its own tokens', async () => {
    const path = join(await temporaryFolder(), 'pruned.onnx');
    const weight = ['--alpha', '.25', '--as-printed'];
    await transpruneJson('prune', modelDirectory, '-o', path, '--no-check', ...weight);
    const ask = ['run', image, question, '--max-new-tokens', '1'];
    const drawn = ['--temperature', '.5', '--seed', '1'];
    const read = await transpruneJson(...ask, '--decoder', path, ...drawn);
    const made = await transpruneJson(...ask, ...weight, ...drawn);
    expect(read.plan.method).toBe('transprune-alpha-0-25-as-printed');
    expect(made.plan).toEqual(read.plan);
    expect(made.pruned.answer).toBe(read.pruned.answer);
    const random = await transpruneJson(...ask, '--method', 'random', '--seed', '3');
    expect(random.plan).toMatchObject({ method: 'random', seed: 3 });
  });

  test('ends where it is told to', async () => {
    const document = await transpruneJson(
      'run',
      image,
      'describe the image.',
      '--max-new-tokens',
      '2',
    );
    expect(document.pruned).toMatchObject({ tokens: 2, finishReason: 'length' });
  });
});

describe('what is asked', () => {
  const other = join(samplesDirectory, 'scene-2.png');

  test('several pictures', async () => {
    const document = await transpruneJson('run', image, other, 'describe the images.');
    expect(document).toMatchObject({ images: [image, other], imageTokens: 2 * imageTokens });
  });

  test('a picture or the question from stdin', async () => {
    const bytes = readFileSync(image);
    const half = Math.floor(bytes.length / 2);
    const stdin = piped(bytes.subarray(0, half), bytes.subarray(half));
    const picture = await transpruneWith({ stdin }, 'run', '-', question);
    expect(picture).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
    const words = await transpruneWith({ stdin: piped(`${question}\n`) }, 'run', image, '-');
    expect(words).toMatchObject({ exitCode: exitCodes.ok, stdout: 'purple\n' });
  });

  test('an empty stdin, and one that nothing is piped into', async () => {
    const empty = await transpruneWith({ stdin: piped() }, 'run', image, '-');
    expect(empty.stderr).toMatch(/expected a question, got an empty one/);
    expect(empty.exitCode).toBe(exitCodes.usage);
    const stdin = Object.assign(piped(), { isTTY: true });
    const typed = await transpruneWith({ stdin }, 'run', '-', question);
    expect(typed.stderr).toMatch(/expected something piped into stdin/);
    expect(typed.exitCode).toBe(exitCodes.usage);
  });

  test('what goes before it', async () => {
    const plain = await transpruneJson('run', image, question);
    const document = await transpruneJson('run', image, question, '--system', 'one word');
    expect(document.textTokens).toBeGreaterThan(plain.textTokens);
  });

  test('drawn answers are the same for the same seed', async () => {
    const drawn = async (...parameters: string[]) => {
      const chance = ['--temperature', '3', ...parameters, '--max-new-tokens', '12'];
      const long = ['run', image, 'describe the image.', '--threads', '1'];
      return (await transpruneJson(...long, ...chance)).pruned.answer;
    };
    const first = await drawn('--seed', '1');
    expect(await drawn('--seed', '1')).toBe(first);
    expect(await drawn('--seed', '2')).not.toBe(first);
    const likeliest = await drawn('--seed', '1', '--top-p', '.0001');
    expect(await drawn('--seed', '2', '--top-p', '.0001')).toBe(likeliest);
  });

  test('stages of the plan in place of a preset', async () => {
    const stages = ['--prune-after', '3', '--keep', '.5', '--per-image', '--positions', 'keep'];
    const { preset, plan: used, pruned } = await transpruneJson('run', image, question, ...stages);
    expect(preset).toBeNull();
    expect(used).toMatchObject({ perImage: true, positions: 'keep' });
    expect(pruned.imageTokensPerLayer).toEqual([...Array(3).fill(144), ...Array(9).fill(72)]);
  });
});

describe('the comparison', () => {
  test('sets both answers side by side', async () => {
    const document = await transpruneJson('run', image, question, '--compare', '--runs', '1');
    const { unpruned, pruned, textTokens } = document;
    expect(unpruned.imageTokensPerLayer).toEqual(Array(layers).fill(imageTokens));
    expect(pruned.imageTokensPerLayer).toEqual(imageTokensPerLayer);
    expect(pruned.kvLengths).toEqual(imageTokensPerLayer.map((tokens) => tokens + textTokens));
    expect(unpruned.kvLengths).toEqual(Array(layers).fill(imageTokens + textTokens));
    const total = (lengths: number[]) => lengths.reduce((sum, length) => sum + length, 0);
    expect(pruned.kvCacheBytes / unpruned.kvCacheBytes).toBeCloseTo(
      total(pruned.kvLengths) / total(unpruned.kvLengths),
      6,
    );
    for (const field of ['publishedFlops', 'fullFlops', 'kvCacheBytesAtEnd']) {
      expect(pruned[field]).toBeLessThan(unpruned[field]);
    }
    for (const side of [unpruned, pruned]) {
      expect(side.answer).not.toBe('');
      expect(side.timeToFirstTokenMs).toBeGreaterThan(side.prefillMs);
      expect(side.tokensPerSecond).toBeGreaterThan(0);
    }
  });

  test('as a table', async () => {
    const { stdout } = await transprune('run', image, question, '--compare', '--runs', '1');
    for (const row of [
      / unpruned .* pruned .* change /,
      /answer /,
      /time to first token .* ms .* ms /,
      /KV cache .*B .*B /,
      /FLOPs, as published /,
      /FLOPs, in full /,
      /after one of warm-up/,
    ]) {
      expect(stdout).toMatch(row);
    }
    expect(stdout).toContain(runs(imageTokensPerLayer));
    expect(stdout).not.toMatch(/min to max|overlap/);
  });

  test('of several rounds with the range of their times', async () => {
    const parameters = ['run', image, question, '--compare', '--runs', '2'];
    const { stdout } = await transprune(...parameters);
    expect(stdout).toMatch(/prefill of the decoder .*\n.* min to max +│ +\S+ ms to \S+ ms /);
    const { unpruned, pruned } = await transpruneJson(...parameters);
    for (const { prefillMs, spread } of [unpruned, pruned]) {
      expect(spread.prefillMs[0]).toBeLessThanOrEqual(prefillMs);
      expect(spread.prefillMs[1]).toBeGreaterThanOrEqual(prefillMs);
    }
  });

  test('without pruning, both sides are the same', async () => {
    const parameters = ['--compare', '--runs', '1', '--preset', 'none'];
    const { unpruned, pruned } = await transpruneJson('run', image, question, ...parameters);
    expect(pruned.answer).toBe(unpruned.answer);
    expect(pruned.kvLengths).toEqual(unpruned.kvLengths);
    expect(pruned.fullFlops).toBe(unpruned.fullFlops);
  });
});

describe('keep ratios', () => {
  const ratios = ['--keep-ratios', '.5,.25,.125'];
  const kept = [72, 36, 18];
  const tokensWith = (left: readonly number[]) =>
    Array.from({ length: layers }, (_, after) => {
      const stage = plan.stages.findLastIndex(({ afterLayer }) => afterLayer <= after);
      return left[stage] ?? imageTokens;
    });
  const decoder = join(modelDirectory, 'onnx', 'decoder_model_merged.onnx');
  /** A decoder that the program pruned before. */
  const prune = async (...parameters: string[]) => {
    const output = join(await temporaryFolder(), 'pruned.onnx');
    const { exitCode, stderr } = await transprune(
      'prune',
      decoder,
      '-o',
      output,
      '--no-check',
      ...parameters,
    );
    expect(stderr).toBe('');
    expect(exitCode).toBe(exitCodes.ok);
    return output;
  };

  test("take the place of the preset's", async () => {
    const document = await transpruneJson('run', image, question, ...ratios);
    expect(document.plan.stages.map((stage: { keepRatio: number }) => stage.keepRatio)).toEqual([
      0.5, 0.25, 0.125,
    ]);
    expect(document.pruned.imageTokensPerLayer).toEqual(tokensWith(kept));
    const whole = ['--keep-ratios', '1,1,1', '--compare', '--runs', '1'];
    const { unpruned, pruned } = await transpruneJson('run', image, question, ...whole);
    expect(pruned.answer).toBe(unpruned.answer);
    expect(pruned.publishedFlops).toBe(unpruned.publishedFlops);
  });

  test('go to a decoder that was pruned for them; its plan says what goes without', async () => {
    const path = await prune('--runtime-ratios', '--quiet');
    const given = ['run', image, question, '--decoder', path];
    const standard = await transpruneJson(...given);
    const written = { ...plan, positions: 'renumber' };
    expect(standard).toMatchObject({ preset: null, schedule: 'custom', plan: written });
    expect(standard.pruned.imageTokensPerLayer).toEqual(imageTokensPerLayer);
    const { pruned } = await transpruneJson(...given, ...ratios);
    expect(pruned.imageTokensPerLayer).toEqual(tokensWith(kept));
    const { stdout } = await transprune(...given, '--compare', '--runs', '1');
    expect(stdout).toContain('pruned.onnx on ');
  });

  test.each<[string, string[], RegExp]>([
    ['too few', ['--keep-ratios', '.5'], /--keep-ratios with 3 numbers, .* got 1/],
    ['above 1', ['--keep-ratios', '2,1,1'], /at most 1, got 2/],
    ['rising', ['--keep-ratios', '.5,.6,.1'], /must not rise/],
    ['for no prune', ['--preset', 'none', '--keep-ratios', '1'], /with 0 numbers/],
    ['a decoder that is not pruned', ['--decoder', decoder], /to name a pruned decoder/],
    ['a decoder and a preset', ['--decoder', decoder, '--preset', 'none'], /cannot be used with/],
  ])('%s', async (_, parameters, message) => {
    const { exitCode, stderr } = await transprune('run', image, question, ...parameters);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(exitCodes.usage);
  });

  test('of a decoder with its own', async () => {
    const path = await prune('--quiet');
    const given = ['run', image, question, '--decoder', path];
    const { exitCode, stderr } = await transprune(...given, ...ratios);
    expect(stderr).toMatch(/whose ratios are fixed; prune with --runtime-ratios/);
    expect(exitCode).toBe(exitCodes.usage);
    const { pruned } = await transpruneJson(...given);
    expect(pruned).toMatchObject({ imageTokensPerLayer, keptImageTokens: [] });
  });
});

describe('bad input', () => {
  test.each([
    ['an image that is not there', '/nowhere/a.png', [], exitCodes.notFound, /\/nowhere\/a\.png/],
    [
      'a model folder that is not there',
      image,
      ['--model', '/nowhere'],
      exitCodes.notFound,
      /\/nowhere/,
    ],
    ['a model that is a file', image, ['--model', image], exitCodes.notFound, /a file/],
    [
      'a folder without a model',
      image,
      ['--model', samplesDirectory],
      exitCodes.notFound,
      /decoder_model_merged/,
    ],
    [
      'a device that is not here',
      image,
      ['--device', 'coreml'],
      exitCodes.failure,
      /device coreml .* cannot be used.*; choose another of (?!.*coreml)/,
    ],
  ])('%s', async (_, path, parameters, expected, message) => {
    const { exitCode, stdout, stderr } = await transprune('run', path, question, ...parameters);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(expected);
    expect(stdout).toBe('');
  });

  test('a file that is no image', async () => {
    const path = join(await temporaryFolder(), 'notes.png');
    await writeFile(path, 'no pixels here');
    const { exitCode, stdout, stderr } = await transprune('run', path, question);
    expect(exitCode).toBe(exitCodes.failure);
    expect(stderr).toMatch(/expected .*notes\.png" to be an image/);
    expect(stdout).toBe('');
  });

  test('an error names what was given once', async () => {
    const { stdout } = await transprune('run', '/nowhere/a.png', question, '--json');
    expect(JSON.parse(stdout).error.data).toEqual({ image: '/nowhere/a.png' });
  });

  test('an address that cannot be reached says so', async () => {
    const address = `${await closedAddress()}/a.png`;
    const { exitCode, stderr } = await transprune('run', address, question);
    expect(stderr).toMatch(/no image that can be reached at .*; check the address and the network/);
    expect(exitCode).toBe(exitCodes.notFound);
  });

  test('a question that is too long says both lengths', async () => {
    const long = Array(config.text_config.max_position_embeddings).fill('heart').join(' ');
    const { exitCode, stdout, stderr } = await transprune('run', image, long);
    expect(stderr).toMatch(
      new RegExp(
        `prompt of under ${config.text_config.max_position_embeddings} tokens, .* got \\d{3,}`,
      ),
    );
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
  });

  test('a model is an image as little', async () => {
    const { exitCode } = await transprune('run', join(modelDirectory, 'config.json'), question);
    expect(exitCode).toBe(exitCodes.failure);
  });
});
