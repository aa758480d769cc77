import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeBackend } from '@transprune/backend-node';
import { readModelFile } from '@transprune/files/node';
import { caseFile, exportedDecoder, hubFolder, officialCase } from '@transprune/fixtures';
import { readPlan } from '@transprune/onnx';
import { DecoderSession, openSession, readNumbers } from '@transprune/session';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { beforeEach, describe, expect, test } from 'vitest';
import { copyDecoder, dataName } from '../../testing/models.js';
import { capturingIo, temporaryFolder, transprune, transpruneJson } from '../../testing/program.js';
import { exitCodes } from '../exit-codes.js';
import { main } from '../main.js';

let folder: string;
let input: string;
let output: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  input = await copyDecoder(folder);
  output = join(folder, 'pruned.onnx');
});

/** Runs a decoder on a case's embeddings. */
async function outputsOf(path: string, name: 'high' | 'late-image') {
  const { inputsEmbeds, sequenceLength, imageStart, imageTokens, hiddenSize } = officialCase(name);
  const session = await openSession(nodeBackend, { path }, 'cpu');
  const decoder = new DecoderSession(session, { cacheSizes: { headDim: 16 } });
  const names = session.outputs.map(({ name }) => name).filter((name) => name !== 'logits');
  const { logits, outputs } = await decoder.prefill({
    embeddings: { type: 'float32', dims: [1, sequenceLength, hiddenSize], data: inputsEmbeds },
    images: Array.from({ length: sequenceLength }, (_, i) =>
      i >= imageStart && i < imageStart + imageTokens ? 1 : 0,
    ),
    fetch: names,
  });
  const read = async (name: string) => {
    const tensor = name === 'logits' ? logits : outputs[name];
    return tensor ? [...(await readNumbers(tensor)).data] : [];
  };
  return { session, read };
}

describe('a budget', () => {
  const dryRun = () => ['prune', input, '-o', output, '--dry-run', '--no-check'];

  test('fits the keep ratios by the sizes of the decoder', async () => {
    const { plan, budget, full } = await transpruneJson(
      ...dryRun(),
      ...['--speedup', '1.5', '--image-tokens', '400'],
    );
    expect(budget).toMatchObject({ asked: { speedup: 1.5 }, imageTokens: 400, textTokens: 64 });
    expect(budget.reached).toBe(full.speedupWithScoring);
    expect(budget.reached).toBeGreaterThanOrEqual(1.5);
    expect(budget.reached).toBeLessThan(1.52);
    const preset = await transpruneJson(...dryRun());
    const places = (stages: { afterLayer: number }[]) => stages.map(({ afterLayer }) => afterLayer);
    expect(places(plan.stages)).toEqual(places(preset.plan.stages));
    expect(preset.budget).toBeNull();
  });

  test('that leaves next to nothing of the picture writes no decoder', async () => {
    const prune = ['prune', modelDirectory, '-o', output, '--no-check', '--runtime-ratios'];
    const { exitCode, stderr } = await transprune(...prune, '--speedup', '3');
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/keeps at least 0\.0625 of the image tokens \(--speedup from 1 to /);
    expect(await readdir(folder)).not.toContain('pruned.onnx');
  });

  test('in FLOPs is refused where the graph does not tell them; one in tokens is not', async () => {
    input = join(hubFolder('qwen3_5'), 'onnx/decoder_model_merged.onnx');
    const plan = ['--prune-after', '1', '--keep', '.5'];
    const { exitCode, stderr } = await transprune(...dryRun(), ...plan, '--speedup', '1.5');
    expect(exitCode).toBe(exitCodes.usage);
    expect(stderr).toMatch(/with --speedup, got one whose FLOPs .* use --keep-average/);
    const { budget } = await transpruneJson(...dryRun(), ...plan, '--keep-average', '.8');
    expect(budget.reached).toBeLessThanOrEqual(0.8);
  });
});

describe('image tokens of a prompt', () => {
  const counted = async (...parameters: string[]) => {
    const call = ['prune', ...parameters, '-o', output, '--dry-run', '--no-check'];
    const { imageTokens, imageAssumption } = await transpruneJson(...call);
    const { stdout } = await transprune(...call);
    return { imageTokens, imageAssumption, line: /^For .*$/m.exec(stdout)?.[0] };
  };
  const model = join(modelDirectory, 'onnx/decoder_model_merged.onnx');

  test.each([
    ['of a model folder', modelDirectory],
    ['of a file in a model folder', model],
  ])('are those that the config.json says: %s', async (_, name) => {
    const whence = 'as its image_seq_length says';
    expect(await counted(name)).toEqual({
      imageTokens: 144,
      imageAssumption: whence,
      line: `For 144 image tokens (${whence}; --image-tokens changes it) and 64 text tokens.`,
    });
  });

  test('are those of the config.json beside a file; a budget is counted for them', async () => {
    const config = { ...JSON.parse(await readFile(join(modelDirectory, 'config.json'), 'utf8')) };
    config.image_seq_length = 100;
    await writeFile(join(folder, 'config.json'), JSON.stringify(config));
    expect(await counted(input)).toMatchObject({ imageTokens: 100 });
    const call = ['prune', input, '-o', output, '--dry-run', '--no-check', '--speedup', '1.5'];
    expect((await transpruneJson(...call)).budget).toMatchObject({ imageTokens: 100 });
  });

  test.each([
    ['none', undefined],
    ['one that is not understood', '{ "model_type": "gpt2" }'],
    ['one that is no JSON', '{'],
  ])('are assumed where the config.json is %s', async (_, config) => {
    if (config !== undefined) await writeFile(join(folder, 'config.json'), config);
    expect(await counted(input)).toEqual({
      imageTokens: 576,
      imageAssumption: 'assumed, as many as LLaVA-1.5 makes',
      line: 'For 576 image tokens (assumed, as many as LLaVA-1.5 makes; --image-tokens changes it) and 64 text tokens.',
    });
  });

  test('are those that are asked for', async () => {
    expect(await counted(model, '--image-tokens', '1', '--text-tokens', '1')).toEqual({
      imageTokens: 1,
      imageAssumption: 'as asked for by --image-tokens',
      line: 'For 1 image token (as asked for by --image-tokens) and 1 text token.',
    });
  });
});

describe('the official decoder', () => {
  test('keeps what the official implementation keeps', async () => {
    const expected = officialCase('high');
    const document = await transpruneJson(
      ...['prune', input, '-o', output, '--no-check', '--trace'],
      ...['--accumulate', expected.accumulateLayers.join()],
      ...['--prune-after', expected.pruneLayers.join()],
      ...['--keep', expected.keepRatios.join()],
    );
    expect(document).toMatchObject({
      input,
      output,
      dryRun: false,
      schedule: 'custom',
      trace: true,
    });
    const { session, read } = await outputsOf(output, 'high');
    const { imageStart, imageTokens } = expected;
    for (const [index, stage] of expected.stages.entries()) {
      const kept = await read(`pruning.kept.${index}`);
      const isImage = (at: number) => at >= imageStart && at < imageStart + imageTokens;
      expect(kept.filter(isImage)).toEqual(stage.keptImageOriginal);
    }
    const vocabulary = expected.prefillLastLogits.length;
    const logits = (await read('logits')).slice(-vocabulary);
    expect(logits).toBeAllclose(expected.prefillLastLogits, { atol: 1e-4 });
    await session.dispose();
  });

  test('keeping everything changes nothing', async () => {
    const stages = ['--accumulate', '3-6', '--prune-after', '3,6', '--keep', '1,1'];
    const { exitCode } = await transprune('prune', input, '-o', output, '--no-check', ...stages);
    expect(exitCode).toBe(exitCodes.ok);
    const [before, after] = [
      await outputsOf(input, 'late-image'),
      await outputsOf(output, 'late-image'),
    ];
    const [expected, found] = [await before.read('logits'), await after.read('logits')];
    expect(found).toBeAllclose(expected, { atol: 1e-4 });
    await Promise.all([before.session.dispose(), after.session.dispose()]);
  });
});

test('the document tells what was done', async () => {
  const document = await transpruneJson(
    'prune',
    input,
    '-o',
    output,
    '--no-check',
    '--image-tokens',
    '100',
  );
  expect(document).toMatchObject({
    preset: 'transprune-high',
    schedule: 'depth-scaled',
    before: { nodes: 164, inputs: 30, outputs: 29 },
    after: { inputs: 31, outputs: 29 },
    externalData: [{ location: dataName, placement: 'inside' }],
    imageTokens: 100,
    finalImageTokens: 12,
  });
  expect(document.after.nodes).toBeGreaterThan(document.before.nodes);
  expect(document.published.prunedTflops).toBeLessThan(document.published.baselineTflops);
  expect(readPlan(await readModelFile(output))).toEqual(document.plan);
});

test('accumulation is in the plan of the file; its default changes nothing that is written', async () => {
  const prune = ['prune', input, '-o', output, '--no-check', '--force'];
  await transprune(...prune);
  const byDefault = await readFile(output);
  await transprune(...prune, '--accumulation', 'cumulative');
  expect(await readFile(output)).toEqual(byDefault);
  const { plan } = await transpruneJson(...prune, '--accumulation', 'per-stage');
  expect(plan).toMatchObject({ accumulation: 'per-stage' });
  expect(readPlan(await readModelFile(output))).toEqual(plan);
  const { stdout } = await transprune('inspect', input, '--accumulation', 'per-stage');
  expect(stdout).toContain('layers 3-5 (at each prune those since the one before), direction');
});

test('the table sets before against after', async () => {
  const { stdout, stderr } = await transprune('prune', input, '-o', output);
  expect(stdout).toMatch(/ before .* after .* change /);
  expect(stdout).toMatch(/nodes .* 164 .* \d+ .* \+[\d.]+ %/);
  expect(stdout).toMatch(/image tokens after layer 5 .* 576 .* 72 .* -87\.5 %/);
  expect(stdout).toMatch(/prefill, as published/);
  expect(stdout).toContain(`Wrote ${output}.`);
  expect(stderr).toContain("this project's own choice");
});

test('what to do next is said, with the folder of the model where it is known', async () => {
  const next = async (model: string, file: string, ...options: string[]) => {
    const prune = ['prune', model, '-o', file, '--no-check', ...options];
    return /^next: (.*)\n/m.exec((await transprune(...prune)).stderr)?.[1];
  };
  const model = join(modelDirectory).replace(/\/$/, '');
  const decoder = join(model, 'onnx/decoder_model_merged.onnx');
  const [first, second] = [join(folder, 'first.onnx'), join(folder, 'second one.onnx')];
  const ask = 'transprune run picture.png "what is shown?" --model';
  expect(await next(model, first)).toBe(`${ask} ${model} --decoder ${first}`);
  expect(await next(decoder, second)).toBe(`${ask} ${model} --decoder "${second}"`);
  expect(await next(input, output, '--dry-run')).toBeUndefined();
  expect(await next(input, output)).toBe(`${ask} FOLDER-OF-ITS-MODEL --decoder ${output}`);
  // As it says.
  const picture = join(samplesDirectory, 'scene-1.png');
  const run = ['run', picture, 'what is shown?', '--model', model, '--decoder', first];
  expect((await transprune(...run)).exitCode).toBe(exitCodes.ok);
});

test('options of the plan and of the graph', async () => {
  const parameters = [
    ...['--positions', 'keep', '--per-image', '--batch'],
    ...['--runtime-ratios', '--instruction-mask', '--exact-angles', '--trace'],
  ];
  const document = await transpruneJson('prune', input, '-o', output, '--no-check', ...parameters);
  expect(document).toMatchObject({
    plan: { positions: 'keep', perImage: true },
    trace: true,
    batch: true,
    runtimeRatios: true,
    instructionMask: true,
    exactAngles: true,
    before: { inputs: 30, outputs: 29 },
    after: { inputs: 36, outputs: 38 },
  });
  expect(document.addedInputs).toEqual([
    {
      name: 'image_mask',
      type: 'int64',
      shape: ['batch_size', 'sequence_length'],
      meaning: expect.stringMatching(/^1, 2, 3, .* first, second, third, .* image, 0 at text/),
    },
    expect.objectContaining({ name: 'instruction_mask', type: 'int64' }),
    {
      name: 'keep_ratios',
      type: 'float32',
      shape: [3],
      meaning: expect.stringContaining("the plan's: 0.875, 0.625, 0.125"),
    },
    ...[0, 1, 2].map((stage) =>
      expect.objectContaining({
        name: `past_pruning.mask.${stage}`,
        meaning: `pruning.mask.${stage} of the step before; empty at the start`,
      }),
    ),
  ]);
  expect(document.addedOutputs.map(({ name }: { name: string }) => name)).toEqual([
    ...['pruning.mask.0', 'pruning.mask.1', 'pruning.mask.2'],
    ...['pruning.kept.0', 'pruning.score.0', 'pruning.kept.1', 'pruning.score.1'],
    ...['pruning.kept.2', 'pruning.score.2'],
  ]);
  const { inputs, outputs } = await openSession(nodeBackend, { path: output }, 'cpu');
  const names = (values: { name: string }[]) => values.map(({ name }) => name);
  expect(names([...inputs])).toEqual(expect.arrayContaining(names(document.addedInputs)));
  expect(names([...outputs])).toEqual(expect.arrayContaining(names(document.addedOutputs)));
  const { stdout } = await transprune(
    'prune',
    input,
    '-o',
    output,
    '--no-check',
    ...parameters,
    '--force',
  );
  expect(stdout).toMatch(/^Inputs to feed besides\n {2}image_mask: int64 \[batch_size, /m);
  expect(stdout).toMatch(/^Outputs besides\n {2}pruning\.mask\.0: int64 /m);
});

test('caches of a fixed length', async () => {
  const parameters = ['--cache', 'fixed'];
  const document = await transpruneJson('prune', input, '-o', output, ...parameters);
  expect(document).toMatchObject({ cache: 'fixed', verification: { passed: true } });
  const names = document.verification.checks.map(({ name }: { name: string }) => name);
  expect(names).toContain('caches with room for more: the prompt in two calls');
  expect(document.addedInputs.slice(1)).toEqual(
    [0, 1, 2].map((stage) => ({
      name: `past_pruning.length.${stage}`,
      type: 'int64',
      shape: [1],
      meaning: `pruning.length.${stage} of the step before; 0 at the start`,
    })),
  );
  expect(document.addedOutputs).toMatchObject([
    { name: 'pruning.length.0', meaning: 'tokens that the caches after layer 3 hold' },
    { name: 'pruning.length.1' },
    { name: 'pruning.length.2' },
  ]);
  const both = ['--cache', 'fixed', '--batch', '--force'];
  const { addedInputs } = await transpruneJson('prune', input, '-o', output, ...both);
  expect(addedInputs).not.toContainEqual(
    expect.objectContaining({ name: 'past_pruning.length.0' }),
  );
  const unknown = await transprune('prune', input, '-o', output, '--cache', 'static');
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/growing, fixed/) });
});

test('caches of a fixed length are refused where attention is told no length', async () => {
  const { path } = exportedDecoder('llama', 'dynamo-23');
  const { exitCode, stderr } = await transprune('prune', path, '-o', output, '--cache', 'fixed');
  expect(exitCode).toBe(5);
  expect(stderr).toMatch(/layer 1: expected attention that is told .* \(--cache fixed\), found/);
});

test('without options there is the image mask to feed', async () => {
  const document = await transpruneJson(
    'prune',
    input,
    '-o',
    output,
    '--no-check',
    '--preset',
    'none',
  );
  expect(document).toMatchObject({ addedInputs: [], addedOutputs: [], batch: false });
  const { stdout } = await transprune('prune', input, '-o', output, '--force');
  expect(stdout).toMatch(
    / {2}image_mask: .*, 1 at image tokens, 0 at text and while decoding\n10 quick checks passed on cpu, float32; .*\nWrote/,
  );
});

test('--dry-run does everything but write', async () => {
  const dry = await transpruneJson('prune', input, '-o', output, '--no-check', '--dry-run');
  expect(dry).toMatchObject({ dryRun: true, output: null, externalData: [] });
  await expect(stat(output)).rejects.toThrow('ENOENT');
  const wet = await transpruneJson('prune', input, '-o', output, '--no-check');
  expect(dry.after).toEqual(wet.after);
});

test('the same call writes the same bytes', async () => {
  await transprune('prune', input, '-o', output, '--no-check');
  const first = await readFile(output);
  await rm(output);
  await transprune('prune', input, '-o', output, '--no-check');
  expect(first.equals(await readFile(output))).toBe(true);
});

test('an interruption leaves the whole file or none', async () => {
  for (const delay of [0, 5, 10, 15, 20, 40]) {
    const interruption = new AbortController();
    const running = main(['prune', input, '-o', output], capturingIo(interruption.signal));
    setTimeout(() => interruption.abort(), delay);
    const exitCode = await running;
    expect([exitCodes.ok, exitCodes.interrupted]).toContain(exitCode);
    const others = (await readdir(folder)).filter((name) => name !== 'pruned.onnx');
    expect(others.sort()).toEqual(['model.onnx', dataName]);
    await rm(output, { force: true });
  }
});

test('a hybrid is pruned before its attention layers, and the program says what it moved', async () => {
  const hybrid = caseFile('hybrid/lfm2-genai.onnx');
  const args = ['prune', hybrid, '-o', output, '--accumulate', '1-4', '--prune-after', '2,3,4'];
  const { exitCode, stderr } = await transprune(...args, '--keep', '.75,.5,.25');
  expect(exitCode).toBe(0);
  expect(stderr).toContain(
    'moved from after layer 3 to after layer 4, from after layer 4 to after layer 5',
  );
  const plan = readPlan(await readModelFile(output));
  expect(plan?.stages.map(({ afterLayer }) => afterLayer)).toEqual([2, 4, 5]);
});
