/**
 * Files of other exporters that once came out wrong, ended the program, or were refused without need: what the program
 * makes of each. Those that are pruned whatever their layers are made of are verified in `packages/verify`.
 */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { caseFile } from '@transprune/fixtures';
import { modelDirectory, samplesDirectory } from '@transprune/small-model';
import { describe, expect, test } from 'vitest';
import { checkCases, plan, writeCase } from '../testing/cases.js';
import { temporaryFolder, transprune, transpruneJson } from '../testing/program.js';
import { exitCodes } from './exit-codes.js';

const mask = /attention_mask: expected \[batch, past \+ tokens\], .*found \[batch_size, 1, /;
const window = /build with windowed_kv_cache=false.*found sliding_window_cache = 1/;
const length = /inputs_embeds: expected any number of tokens .*a fixed number of tokens \(5\)/;

describe('refused, with nothing written', () => {
  test.each<[string, RegExp, ...string[]]>([
    ['ffn-conv', /layer 5: expected each token's numbers to stay its own, found Conv/],
    ['local-function-named-Mul', /layer 3: .* to stay its own, found local\.Mul/],
    ['mask-4d', mask],
    ['mask-4d-additive', mask],
    ['mrope-batch-first', /position_ids: expected .*found \[batch_size, 3, sequence_length\]/],
    ['static-shapes', length],
    ['static-shapes-t17', length],
    ['batch-without-mask', /attention that reads attention_mask, .*\(--batch\)/, '--batch'],
    ['hidden-states-output', /only logits and caches .*output_hidden_states=False.*found add_1313/],
    ['initializer-named-image_mask', /no value called image_mask yet, found one/],
    ['sliding-window-cache', window],
    ['sliding-window-cache-mistral', window],
    ['alibi-in-mask', /a mask that only blocks, .*\(ALiBi, or the like\)/],
    [
      'keep-attention-temperature',
      /positions to be read as angles only, .*tscale, made of positions/,
      ...['--positions', 'keep'],
    ],
    ['window-as-difference', /a window of 16 tokens/, '--positions', 'keep'],
    ['self-loop', /the graph has a cycle/],
  ])('%s', async (name, message, ...options) => {
    const path = await writeCase(name);
    const output = join(dirname(path), 'pruned.onnx');
    for (const check of [[], ['--no-check']]) {
      const parameters = ['prune', path, '-o', output, ...plan, ...options, ...check];
      const { exitCode, stderr } = await transprune(...parameters);
      expect(stderr).toMatch(message);
      expect(exitCode).toBe(exitCodes.unsupportedModel);
    }
    expect(await readdir(dirname(path))).toEqual(['model.onnx']);
  });
});

describe('pruned, and checked', () => {
  checkCases([
    ['smooth-softmax-default'],
    ['huge'],
    ['nan-scores-drop-text'],
    ['batch-without-mask'],
    ['keep-attention-temperature', '--positions', 'renumber'],
    ['window-as-difference'],
    ['cohere', '--positions', 'keep'],
    ['qwen3-moe'],
    ['gemma3n', '--accumulate', '1-2', '--prune-after', '1,2', '--keep', '.75,.5'],
  ]);
});

test('gqa-fused-qk-norm: pruned, but what has no kernel for a device is not checked there', async () => {
  const path = await writeCase('gqa-fused-qk-norm');
  const parameters = ['prune', path, '-o', join(dirname(path), 'pruned.onnx'), ...plan];
  const { exitCode, stderr } = await transprune(...parameters);
  expect(stderr).toMatch(/an original that runs, .*--device .*--no-check/s);
  expect(exitCode).toBe(exitCodes.unsupportedModel);
  expect(await readdir(dirname(path))).toEqual(['model.onnx']);
  expect((await transprune(...parameters, '--no-check')).exitCode).toBe(exitCodes.ok);
});

test('plan-class-defaults', async () => {
  const sizesOf = async (name: string) => {
    const path = caseFile(`configs/${name}.json`);
    const { full, imageTokens } = await transpruneJson('plan', '--model', path);
    return { imageTokens, kvCacheBytes: full.baseline.kvCacheBytes.afterPrefill };
  };
  // Of 34 layers with 2 x 4 heads of 256, and of 32 with 2 x 8 of 128, two bytes a number.
  expect(await sizesOf('gemma3-4b')).toEqual({
    imageTokens: 256,
    kvCacheBytes: 34 * 2 * 4 * 256 * 2 * (256 + 64),
  });
  expect(await sizesOf('llava-mistral')).toEqual({
    imageTokens: 2880,
    kvCacheBytes: 32 * 2 * 8 * 128 * 2 * (2880 + 64),
  });
});

describe('a model whose configuration leaves something out', () => {
  const scene = join(samplesDirectory, 'scene-1.png');

  /** The embedded model, one of its JSON files changed. */
  async function changedModel(name: string, change: (content: Record<string, unknown>) => void) {
    const folder = join(await temporaryFolder(), 'model');
    await cp(modelDirectory, folder, { recursive: true });
    const content = JSON.parse(await readFile(join(folder, name), 'utf8'));
    change(content);
    await rm(join(folder, name));
    await writeFile(join(folder, name), JSON.stringify(content));
    return folder;
  }
  const ask = async (folder: string, ...images: string[]) => {
    const question = 'what color is the heart?';
    return (await transpruneJson('run', ...images, question, '--model', folder)).pruned;
  };

  test('llava-no-patch-size: one image is answered as several are', async () => {
    const folder = await changedModel('processor_config.json', (content) => {
      delete content.patch_size;
    });
    expect((await ask(folder, scene)).answer).toBe('purple');
    expect((await ask(folder, scene, scene)).imageTokensPerLayer[0]).toBe(288);
  });

  test('eos-of-tokenizer-only: an answer ends where the tokenizer says so', async () => {
    const folder = await changedModel('generation_config.json', (content) => {
      content.eos_token_id = 50;
    });
    expect(await ask(folder, scene)).toMatchObject({ answer: 'purple', finishReason: 'stop' });
  });
});
