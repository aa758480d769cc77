import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishedFigures, publishedShifts } from '@transprune/flops';
import { modelDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { pathsOf, useHub } from '../../testing/hub.js';
import { temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';

/** What tokens are ranked by, which costs nothing as the papers count. */
const methodOf = (published: string) =>
  published.startsWith('FastV')
    ? 'fastv'
    : published.startsWith('Pyramid')
      ? 'pyramid-drop'
      : 'transprune';

test.each([...publishedFigures, ...publishedShifts])(
  '$model, $method: $tflops TFLOPs, as published',
  async ({ model, method, stages, tflops }) => {
    const layers = stages.map(({ afterLayer }) => afterLayer).join();
    const keep = stages.map(({ keepRatio }) => keepRatio).join();
    const plan = layers ? ['--prune-after', layers, '--keep', keep] : ['--preset', 'none'];
    const ranked = ['--method', methodOf(method)];
    const { published } = await transpruneJson('plan', '--model', model, ...plan, ...ranked);
    expect(Math.abs(published.prunedTflops - tflops)).toBeLessThan(0.01);
  },
);

describe('LLaVA-1.5-7B, as published', () => {
  test.each([
    ['transprune-high', [504, 360, 72], 1.56],
    ['transprune-low', [360, 108, 36], 1.19],
  ])('%s', async (preset, imageTokens, tflops) => {
    const document = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--preset', preset);
    expect(document).toMatchObject({
      model: 'llava-1.5-7b',
      layers: 32,
      preset,
      schedule: 'published',
      accumulateLayers: [7, 8, 9, 10, 11, 12],
      direction: '1-cos',
      imageTokens: 576,
      finalImageTokens: imageTokens.at(-1),
    });
    expect(document.stages.map((stage: { afterLayer: number }) => stage.afterLayer)).toEqual([
      7, 9, 12,
    ]);
    expect(document.stages.map((stage: { imageTokens: number }) => stage.imageTokens)).toEqual(
      imageTokens,
    );
    expect(document.published.baselineTflops).toBeCloseTo(3.82, 2);
    expect(document.published.prunedTflops).toBeCloseTo(tflops, 2);
    expect(document.full.baseline.prefill.total).toBeGreaterThan(
      document.full.pruned.prefill.total,
    );
  });

  test('nothing is pruned by none', async () => {
    const document = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--preset', 'none');
    expect(document).toMatchObject({ stages: [], finalImageTokens: 576 });
    expect(document.published.prunedTflops).toBe(document.published.baselineTflops);
    expect(document.full.flopsBoundSpeedup).toBe(1);
  });

  test('as a table', async () => {
    const { exitCode, stdout, stderr } = await transprune('plan', '--model', 'llava-1.5-7b');
    expect(exitCode).toBe(exitCodes.ok);
    expect(stdout).toMatch(/after layer 12 .* 0\.125 .* 72 /);
    expect(stdout).toMatch(/as published .* 3\.82 T .* 1\.56 T .* -59\.2 %/);
    expect(stderr).toBe('');
  });
});

test('stages can be named one by one', async () => {
  const stages = ['--prune-after', '7,9,12', '--keep', '.875,.625,.125'];
  const named = await transpruneJson('plan', '--model', 'llava-1.5-7b', ...stages);
  const preset = await transpruneJson('plan', '--model', 'llava-1.5-7b');
  expect(named).toEqual({ ...preset, preset: null, schedule: 'custom' });
  const direction = await transpruneJson('plan', '--model', 'llava-1.5-7b', '--direction', '|cos|');
  expect(direction.direction).toBe('|cos|');
});

describe('a budget', () => {
  const llava = ['plan', '--model', 'llava-1.5-7b'];

  test.each([
    ['--budget-tflops', '2.5', { tflops: 2.5 }],
    ['--speedup', '2', { speedup: 2 }],
    ['--keep-average', '.4', { keepAverage: 0.4 }],
    ['--average-image-tokens', '250', { averageImageTokens: 250 }],
  ])('%s %s fits the keep ratios of the preset', async (option, value, asked) => {
    const { stages, budget, full, imageTokens } = await transpruneJson(...llava, option, value);
    expect(stages.map(({ afterLayer }: { afterLayer: number }) => afterLayer)).toEqual([7, 9, 12]);
    expect(budget).toMatchObject({ asked, imageTokens: 576, textTokens: 64 });
    const layers: number[] = full.pruned.imageTokensPerLayer;
    const average = layers.reduce((sum, count) => sum + count) / layers.length;
    const counted = {
      '--budget-tflops': full.pruned.prefill.total / 1e12,
      '--speedup': full.speedupWithScoring,
      '--keep-average': average / imageTokens,
      '--average-image-tokens': average,
    }[option]!;
    expect(budget.reached).toBeCloseTo(counted, 9);
    expect(Math.abs(counted / Number(value) - 1)).toBeLessThan(0.02);
    expect(option === '--speedup' ? counted >= 2 : counted <= Number(value)).toBe(true);
  });

  test('counts for the tokens that are asked for, and says what came of it', async () => {
    const { stderr } = await transprune(...llava, '--speedup', '2', '--image-tokens', '1152');
    expect(stderr).toMatch(
      /gain of the decoder's prefill: 2\.\d+ of 2, keeping 0\.\d+, .*; counted for 1152 image and 64 text tokens/,
    );
  });

  test('in FLOPs is of the unit that the table has', async () => {
    const { stdout, stderr } = await transprune(...llava, '--budget-tflops', '2.5');
    const [, reached = ''] =
      /whole prefill, in T multiply-adds: (\S+) of 2\.5, keeping/.exec(stderr) ?? [];
    const [, shown = ''] = /whole prefill, in full .* ([\d.]+) T .*-/.exec(stdout) ?? [];
    expect(Number(shown)).toBeGreaterThan(2.4);
    expect(Number(reached).toFixed(2)).toBe(shown);
  });

  test('that would leave next to nothing of the picture is refused, unless a floor allows it', async () => {
    const harsh = ['--speedup', '3'];
    const { exitCode, stderr } = await transprune(...llava, ...harsh);
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(
      /^error: .* at least 0\.0625 of the image tokens \(--speedup from 1 to 2\.\d+\), got 3, which leaves 0\.0\d+ of them; prune earlier, choose a milder budget, or lower --keep-floor$/m,
    );
    const [, least = ''] = /to (2\.\d+)/.exec(stderr) ?? [];
    const ratiosOf = async (...options: string[]): Promise<number[]> => {
      const { stages } = await transpruneJson(...llava, ...options);
      return stages.map(({ keepRatio }: { keepRatio: number }) => keepRatio);
    };
    expect((await ratiosOf('--speedup', least)).at(-1)).toBeCloseTo(0.0625, 3);
    expect((await ratiosOf(...harsh, '--keep-floor', '0')).at(-1)).toBeLessThan(0.02);
    const mild = await transprune(...llava, '--speedup', '2.2', '--keep-floor', '.2');
    expect(mild.stderr).toMatch(/at least 0\.2 of/);
  });

  test('with a floor is no plan that goes by the share of the score, unless it says so', async () => {
    const floor = ['--speedup', '2', '--keep-floor', '.01'];
    expect(await transpruneJson(...llava, ...floor)).not.toHaveProperty('keepFloor');
    const mass = await transpruneJson(...llava, ...floor, '--keep-mass', '.9');
    expect(mass).toMatchObject({ keepMass: 0.9, keepFloor: 0.01 });
  });

  test.each([
    [['--speedup', '2', '--keep-average', '.5'], /cannot be used with option/],
    [['--speedup', '1'], /Expected a number above 1/],
    [
      ['--speedup', '40'],
      /--speedup from 1 to \d\.\d+\), got 40; prune earlier, or choose a milder budget$/m,
    ],
    [['--keep-average', '.1'], /--keep-average from 0\.\d+ to 1\), got 0\.1; prune earlier/],
    [['--keep-average', '1.5'], /Expected a number above 0 to 1/],
    [['--preset', 'none', '--speedup', '2'], /expected a plan with a prune/],
  ])('%s is refused', async (options, message) => {
    const { exitCode, stdout, stderr } = await transprune(...llava, ...options);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
    expect(stderr).toMatch(message);
  });
});

test('the factors of the token transition are chosen', async () => {
  const plan = ['plan', '--model', 'llava-1.5-7b', '--transition-parts', 'magnitude'];
  const { stdout } = await transprune(...plan);
  expect(stdout).toContain('transprune, magnitude alone, token transition of layers 7-12');
  expect(await transpruneJson(...plan)).toMatchObject({ transitionParts: 'magnitude' });
});

test('transition goes on from prune to prune, or is that of the layers since the one before', async () => {
  const plan = ['plan', '--model', 'llava-1.5-7b'];
  const own = [...plan, '--accumulation', 'per-stage'];
  const { stdout } = await transprune(...own);
  expect(stdout).toContain(
    'token transition of layers 7-12, at each prune those since the one before\n',
  );
  expect(await transpruneJson(...own)).toMatchObject({ accumulation: 'per-stage' });
  const byDefault = await transpruneJson(...plan);
  expect(byDefault).not.toHaveProperty('accumulation');
  expect(await transpruneJson(...plan, '--accumulation', 'cumulative')).toEqual(byDefault);
  const stages = ['--prune-after', '7,9', '--keep', '.5,.25', '--accumulate', '7'];
  const bare = await transprune(...own, ...stages);
  expect(bare.exitCode).toBe(exitCodes.usage);
  expect(bare.stderr).toMatch(/after layer 7, at or before its next prune \(after layer 9\)/);
});

const stagesAfter7 = ['--prune-after', '7', '--keep', '.5'];

describe.each(['fastv', 'pyramid-drop', 'random', 'instruction'])(
  '%s has no transition',
  (method) => {
    test.each([
      ['--direction', ['1-cos']],
      ['--direction', ['cos']],
      ['--transition-parts', ['magnitude']],
      ['--accumulation', ['cumulative']],
      ['--accumulation', ['per-stage']],
      ['--accumulate', ['7', ...stagesAfter7]],
      // Said as it is where stages are missing too.
      ['--accumulate', ['7']],
    ])('%s %s', async (option, values) => {
      const plan = ['plan', '--model', 'llava-1.5-7b', '--method', method];
      const { exitCode, stdout, stderr } = await transprune(...plan, option, ...values);
      expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
      expect(stderr).toBe(
        `error: ${option} is for methods that look at the token transition (transprune, transition), got it with ${method}, which does not; leave it out, or choose one of those\n`,
      );
    });
  },
);

describe('transprune with a weight', () => {
  const plan = ['plan', '--model', 'llava-1.5-7b'];

  test.each([
    [['--alpha', '.25'], 'transprune-alpha-0-25'],
    [['--as-printed'], 'transprune-alpha-0-5-as-printed'],
    [['--alpha', '0', '--as-printed'], 'transprune-alpha-0-as-printed'],
  ])('%s', async (options, method) => {
    const document = await transpruneJson(...plan, ...options);
    expect(document.method).toBe(method);
    // As many signals, as many tokens.
    const usual = await transpruneJson(...plan);
    expect(document.full.pruned.prefill.decoder).toEqual(usual.full.pruned.prefill.decoder);
    const { stdout } = await transprune(...plan, ...options, '--direction', 'cos');
    expect(stdout).toContain(`: ${method}, direction cos, token transition of layers 7-12\n`);
  });

  test.each([
    [['--alpha', '.4', '--method', 'fastv'], /--alpha is for the method transprune, .* with fastv/],
    [['--as-printed', '--method', 'transition'], /--as-printed is for the method transprune/],
    [['--alpha', '1.1'], /Expected a number from 0 to 1/],
    [
      ['--seed', '1'],
      /--seed is for methods that draw at random \(random\), got it with transprune/,
    ],
    [['--seed', '1', '--method', 'uniform-grid'], /got it with uniform-grid, which does not/],
    [['--seed', '-1', '--method', 'random'], /Expected a whole number/],
  ])('%s is refused', async (options, message) => {
    const { exitCode, stdout, stderr } = await transprune(...plan, ...options);
    expect([exitCode, stdout]).toEqual([exitCodes.usage, '']);
    expect(stderr).toMatch(message);
  });
});

test('a scaled schedule is said to be one', async () => {
  const { stderr } = await transprune('plan', '--model', 'smolvlm-256m');
  expect(stderr).toContain("scaled to 30 (this project's own choice)");
  const document = await transpruneJson('plan', '--model', 'smolvlm-256m', '--quiet');
  expect(document.schedule).toBe('depth-scaled');
  expect((await transprune('plan', '--model', 'smolvlm-256m', '--quiet')).stderr).toBe('');
});

test('counts follow the tokens that are asked for', async () => {
  const plan = ['plan', '--model', 'llava-1.5-7b'];
  const document = await transpruneJson(...plan, '--image-tokens', '100', '--text-tokens', '10');
  expect(document).toMatchObject({ imageTokens: 100, textTokens: 10, finalImageTokens: 12 });
  expect(document.full.baseline.imageTokensPerLayer).toEqual(Array(32).fill(100));
});

/** Writes a `config.json` and answers its path. */
async function configFile(config: unknown): Promise<string> {
  const path = join(await temporaryFolder(), 'config.json');
  await writeFile(path, JSON.stringify(config));
  return path;
}

describe('families of decoders', () => {
  const siglip = { hidden_size: 1152, intermediate_size: 4304, num_hidden_layers: 27 };
  const gemma3 = {
    model_type: 'gemma3',
    mm_tokens_per_image: 256,
    text_config: {
      model_type: 'gemma3_text',
      hidden_size: 2560,
      intermediate_size: 10240,
      num_hidden_layers: 34,
      sliding_window: 1024,
    },
    vision_config: { ...siglip, image_size: 896, patch_size: 14 },
  };

  test('what a file leaves to its class is filled in', async () => {
    const document = await transpruneJson('plan', '--model', await configFile(gemma3));
    expect(document).toMatchObject({ layers: 34, imageTokens: 256, moved: [] });
    // 34 layers with 4 key heads of 256, float16.
    expect(document.full.baseline.kvCacheBytes.afterPrefill).toBe(
      34 * 2 * (256 + 64) * 4 * 256 * 2,
    );
  });

  const qwen35 = {
    model_type: 'qwen3_5',
    text_config: {
      model_type: 'qwen3_5_text',
      hidden_size: 1024,
      intermediate_size: 3584,
      num_hidden_layers: 24,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      linear_num_value_heads: 16,
    },
    vision_config: { depth: 12, hidden_size: 768, intermediate_size: 3072, out_hidden_size: 1024 },
  };

  test('prunes of a hybrid are moved in front of attention, and the program says so', async () => {
    const path = await configFile(qwen35);
    const document = await transpruneJson('plan', '--model', path);
    expect(document.moved).toEqual([
      { from: 5, to: 3 },
      { from: 9, to: 11 },
    ]);
    const after = document.stages.map(({ afterLayer }: { afterLayer: number }) => afterLayer);
    expect(after).toEqual([3, 7, 11]);
    const { stderr } = await transprune('plan', '--model', path);
    expect(stderr).toContain(
      'moved from after layer 5 to after layer 3, from after layer 9 to after layer 11',
    );
    expect(stderr).toContain('18 of 24 have another mixer');
    const random = await transpruneJson('plan', '--model', path, '--method', 'random');
    expect(random.moved).toEqual([]);
  });

  test.each([
    [{ model_type: 'florence2', text_config: {} }, /"florence2" is an encoder-decoder/],
    [{ model_type: 'mllama', text_config: {} }, /"mllama" reads the picture by cross-attention/],
    [{ model_type: 'other', vocab_size: 3 }, /relies on the defaults of its class/],
  ])('%o is refused in one sentence', async (config, message) => {
    const { exitCode, stderr } = await transprune('plan', '--model', await configFile(config));
    expect(exitCode).toBe(exitCodes.unsupportedModel);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/no image tokens that could be pruned|are not known here/);
  });
});

describe('a model', () => {
  test('in a folder, by its config.json alone', async () => {
    const folder = await temporaryFolder();
    const config = await readFile(join(modelDirectory, 'config.json'));
    await writeFile(join(folder, 'config.json'), config);
    const document = await transpruneJson('plan', '--model', folder);
    expect(document).toMatchObject({ model: folder, layers: 12, imageTokens: 144 });
  });

  test('of the hub, without its graphs', async () => {
    const hub = await useHub(modelDirectory);
    const document = await transpruneJson('plan', '--model', 'owner/name');
    expect(document).toMatchObject({ model: 'owner/name', layers: 12 });
    expect(pathsOf([...hub.requests, ...hub.stored])).toEqual([]);
  });

  test.each([
    [
      'a folder without config.json',
      () => temporaryFolder(),
      exitCodes.notFound,
      /a config\.json in/,
    ],
    ['a name of nothing', async () => 'llava-9', exitCodes.notFound, /llava-1\.5-7b/],
    ['a path to nothing', async () => './there/is/none', exitCodes.notFound, /nothing is there/],
  ])('%s', async (_, name, expected, message) => {
    const { exitCode, stderr } = await transprune('plan', '--model', await name());
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(expected);
  });

  test('that is not on the hub has no revision', async () => {
    const { exitCode, stderr } = await transprune(
      ...['plan', '--model', 'llava-1.5-7b', '--revision', 'v1'],
    );
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toContain('leave --revision out');
  });
});

describe('a config.json', () => {
  test('is a model too', async () => {
    const path = join(await temporaryFolder(), 'config.json');
    const config = {
      hidden_size: 64,
      num_attention_heads: 4,
      num_hidden_layers: 32,
      intermediate_size: 128,
      vocab_size: 100,
    };
    await writeFile(path, JSON.stringify(config));
    const document = await transpruneJson('plan', '--model', path);
    expect(document).toMatchObject({ model: path, layers: 32, finalImageTokens: 72 });
  });

  test.each([
    ['is missing', undefined, exitCodes.notFound, /there is no readable file/],
    ['is not JSON', '{', exitCodes.unsupportedModel, /not JSON/],
    ['lacks sizes', '{}', exitCodes.unsupportedModel, /hidden_size/],
  ])('%s', async (_, content, expected, message) => {
    const path = join(await temporaryFolder(), 'config.json');
    if (content !== undefined) await writeFile(path, content);
    const { exitCode, stdout, stderr } = await transprune('plan', '--model', path);
    expect(exitCode).toBe(expected);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});

test('what holds a share of the score: both ends of what may stay', async () => {
  const llava = ['plan', '--model', 'llava-1.5-7b', '--keep-mass', '.9', '--keep-floor', '.1'];
  const document = await transpruneJson(...llava);
  expect(document).toMatchObject({ keepMass: 0.9, keepFloor: 0.1 });
  const ends = document.stages.map(
    (stage: { leastImageTokens: number; imageTokens: number }) =>
      [stage.leastImageTokens, stage.imageTokens] as const,
  );
  expect(ends).toEqual([
    [57, 504],
    [57, 360],
    [57, 72],
  ]);
  const { least, pruned } = document.full;
  expect(least.prefill.total).toBeLessThan(pruned.prefill.total);
  const { stdout, stderr } = await transprune(...llava);
  expect(stdout).toMatch(/57 to 504/);
  expect(stderr).toMatch(
    /holds 0\.9 of the score.* the most that it can be; at the floor prefill gains/,
  );
  const alone = await transprune('plan', '--model', 'llava-1.5-7b', '--keep-floor', '.1');
  expect(alone.exitCode).toBe(exitCodes.usage);
  expect(alone.stderr).toContain('expected --keep-mass or a budget with --keep-floor, got neither');
});
