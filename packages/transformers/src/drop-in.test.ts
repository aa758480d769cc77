/** The two ways in: what they take, refuse and leave as it was. */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cat, PreTrainedModel } from '@huggingface/transformers';
import type { PrunePlan } from '@transprune/core';
import { type HubCase, hubFolder } from '@transprune/fixtures';
import { type PruningOptions, pruned, withPruning } from '@transprune/transformers';
import { describe, expect, test, vi } from 'vitest';
import { useOwnCache } from '../testing/cache.js';
import { Class, casesWith, generate, inputsOf, loadOptions, plan } from '../testing/hub.js';
import { llavaInPieces, llavaWith, withHiddenStates } from '../testing/variants.js';

useOwnCache();

const folder = hubFolder('llava');
const [each = {} as HubCase] = casesWith('llava', 1);
const load = { dtype: 'fp32' } as const;

/** The answer to a prompt, and what was kept of it. */
async function answerOf(model: PreTrainedModel, pruning?: Parameters<typeof generate>[2]) {
  const { rows } = await generate(model, await inputsOf(each), pruning);
  return rows[0];
}

async function prunedAnswer() {
  const model = await pruned(Class, { plan }).from_pretrained(folder, load);
  const answer = await answerOf(model);
  await model.dispose();
  return answer;
}

describe('a model that is loaded', () => {
  test('gets a pruned decoder, once the old one is freed', async () => {
    const model = await Class.from_pretrained(folder, load);
    const old = model.sessions.decoder_model_merged;
    const events: string[] = [];
    const release = old.release.bind(old);
    old.release = async () => {
      events.push('release');
      await release();
    };
    const { create } = old.constructor;
    old.constructor.create = (...parameters: unknown[]) => {
      events.push('create');
      return create.apply(old.constructor, parameters);
    };
    const result = await withPruning(model, { from: folder, plan });
    old.constructor.create = create;
    expect(events).toEqual(['release', 'create']);
    expect(result).toBe(model);
    expect(await answerOf(model)).toEqual(await prunedAnswer());
    expect(await answerOf(model, { pruning: false })).toEqual(each.tokens);
    await expect(withPruning(model, { from: folder })).rejects.toThrow(/not pruned yet/);
    await model.dispose();
  });

  test('stays as it is if it cannot be pruned', async () => {
    const changed = await llavaWith(withHiddenStates);
    const model = await Class.from_pretrained(changed, load);
    await expect(withPruning(model, { from: changed })).rejects.toThrow(/only logits and caches/);
    expect(await answerOf(model)).toEqual(each.tokens);
    await expect(withPruning(model, { from: folder, plan })).resolves.toBe(model);
    await model.dispose();
  });
});

describe('a decoder that cannot be pruned', () => {
  test('is refused with the reason, and nothing stays open', async () => {
    const changed = await llavaWith(withHiddenStates);
    const dispose = vi.spyOn(PreTrainedModel.prototype, 'dispose');
    const opening = pruned(Class, { plan }).from_pretrained(changed, load);
    await expect(opening).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(/only logits and caches .* found/),
    });
    expect(dispose).toHaveBeenCalledOnce();
    dispose.mockRestore();
  });

  test('is left as it is with a warning, if asked so', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const changed = await llavaWith(withHiddenStates);
    const options = { plan, onUnsupported: 'warn' } as const;
    const model = await pruned(Class, options).from_pretrained(changed, load);
    expect(warn.mock.calls.flat().join()).toMatch(/not pruned: .*only logits and caches/);
    expect(model.pruning).toMatchObject({ plan: { stages: [] }, last: undefined });
    expect(model.pruning.reason).toMatch(/only logits and caches/);
    expect(await answerOf(model, { pruning: { keepRatios: [0.5, 0.5] } })).toEqual(each.tokens);
    await model.dispose();
    warn.mockRestore();
  });

  test('a model without one is refused', async () => {
    const opening = pruned(PreTrainedModel, { plan }).from_pretrained(folder, {
      ...load,
      config: { model_type: 'custom' } as never,
      model_file_name: 'vision_encoder',
    });
    await expect(opening).rejects.toThrow(/got PreTrainedModel with sessions model/);
  });
});

describe('what an app in JavaScript gets wrong', () => {
  const wrong = (options: unknown) => () => pruned(Class, options as PruningOptions);

  test.each([
    [
      { presett: 'transprune-low' },
      /the options preset, plan, .*, got presett \(did you mean preset\?\)$/,
    ],
    [{ onUnsupported: 'ignore' }, /'throw' or 'warn', got "ignore"$/],
    [{ onUnsupported: 'thow' }, /got "thow" \(did you mean throw\?\)$/],
    [{ plan: {} }, /a plan with stages, .* got \{\}$/],
    [{ plan: null }, /a plan with stages, .* got null$/],
  ])('%j is refused before anything is loaded', (options, message) => {
    expect(wrong(options)).toThrow(message);
    expect(wrong(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('a model that is loaded already stays as it is', async () => {
    const model = await Class.from_pretrained(folder, load);
    const options = { from: folder, plan: {} as PrunePlan };
    await expect(withPruning(model, options)).rejects.toThrow(/a plan with stages/);
    expect(await answerOf(model)).toEqual(each.tokens);
    await model.dispose();
  });
});

describe('what an app says', () => {
  const loadWith = (options: Parameters<typeof pruned>[1]) =>
    pruned(Class, options).from_pretrained(folder, load);

  test('a preset is scaled to the depth', async () => {
    const model = await pruned(Class).from_pretrained(folder, load);
    expect(model.pruning.plan.stages.map(({ keepRatio }) => keepRatio)).toEqual([
      0.875, 0.625, 0.125,
    ]);
    await model.dispose();
    const none = await loadWith({ preset: 'none' });
    expect(none.pruning.plan.stages).toEqual([]);
    expect(await answerOf(none)).toEqual(each.tokens);
    await none.dispose();
  });

  test('ratios of the load hold until a call says otherwise', async () => {
    const model = await loadWith({ plan, keepRatios: [0.25, 0.125] });
    const kept = () =>
      model.pruning.last?.[0]?.stages.map(({ keptImageTokens }) => keptImageTokens.length);
    await answerOf(model);
    expect(kept()).toEqual([16, 8]);
    await answerOf(model, { pruning: { keepRatios: [0.5, 0.5] } });
    expect(kept()).toEqual([32, 32]);
    await answerOf(model, { pruning: {} });
    expect(kept()).toEqual([16, 8]);
    await answerOf(model, { pruning: true });
    expect(kept()).toEqual([16, 8]);
    const ratios = [[0.5], [0.5, 0], [0.5, 2], [0.25, 0.5], 0.5];
    const mistakes = [{ keepRatio: [0.5, 0.5] }, 'off'];
    for (const pruning of [...ratios.map((keepRatios) => ({ keepRatios })), ...mistakes]) {
      await expect(answerOf(model, { pruning } as never)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      });
    }
    await model.dispose();
  });

  test('is told what was kept, and scores', async () => {
    const onPruned = vi.fn();
    const model = await loadWith({ plan, onPruned });
    expect(model.pruning.last).toBeUndefined();
    await answerOf(model);
    expect(onPruned.mock.calls).toEqual([[model.pruning.last]]);
    const [prompt] = model.pruning.last ?? [];
    expect(prompt?.images).toHaveLength(each.inputIds.length);
    expect(prompt?.stages.map(({ afterLayer }) => afterLayer)).toEqual([3, 5]);
    const [first] = prompt?.stages ?? [];
    expect(first?.scores).toHaveLength(each.inputIds.length);
    const [lowest = 0] = (first?.keptImageTokens ?? [])
      .map((token) => first?.scores[(prompt?.images.indexOf(1) ?? 0) + token] ?? 0)
      .sort((a, b) => a - b);
    const above = first?.scores.filter((score) => score > lowest) ?? [];
    expect(above.length).toBeLessThan(32);
    await answerOf(model, { pruning: false });
    expect(onPruned).toHaveBeenCalledOnce();
    await model.dispose();
  });

  test('each image keeps a share of its own, if asked so', async () => {
    const [two = {} as HubCase] = casesWith('idefics3', 2);
    const model = await pruned(Class, { plan, perImage: true }).from_pretrained(
      hubFolder('idefics3'),
      loadOptions(two),
    );
    await generate(model, await inputsOf(two), { tokens: 1 });
    const [prompt] = model.pruning.last ?? [];
    const count = (positions: readonly number[]) => {
      const counts: Record<number, number> = {};
      for (const at of positions) {
        const image = prompt?.images[at] ?? 0;
        if (image > 0) counts[image] = (counts[image] ?? 0) + 1;
      }
      return counts;
    };
    const all = count(prompt?.images.map((_, at) => at) ?? []);
    expect(Object.keys(all).length).toBeGreaterThan(2);
    const halves = Object.entries(all).map(([image, size]) => [image, Math.floor(size / 2)]);
    expect(count(prompt?.stages[0]?.kept ?? [])).toEqual(Object.fromEntries(halves));
    await model.dispose();
  });

  test('without batch one prompt at a time', async () => {
    const model = await loadWith({ plan, batch: false });
    expect(await answerOf(model)).toEqual(await prunedAnswer());
    const inputs = await inputsOf(each);
    const twice = Object.fromEntries(
      Object.entries(inputs).map(([name, tensor]) => [name, cat([tensor, tensor], 0)]),
    );
    await expect(generate(model, twice)).rejects.toThrow(/one prompt at a time.*got 2/);
    await model.dispose();
  });

  test.each([
    [{ plan: { ...plan, stages: [{ afterLayer: 20, keepRatio: 0.5 }] } }, 'INVALID_PLAN'],
    [{ plan, keepRatios: [0.5] }, 'INVALID_ARGUMENT'],
    [{ preset: 'transprune-huge' as never }, 'INVALID_PLAN'],
  ])('%j is refused', async (options, code) => {
    await expect(loadWith(options)).rejects.toMatchObject({ code });
    await expect(loadWith({ ...options, onUnsupported: 'throw' })).rejects.toMatchObject({ code });
  });

  test('a preset that was mistyped is named', async () => {
    await expect(loadWith({ preset: 'transprune-hgh' as never })).rejects.toThrow(
      /, got transprune-hgh \(did you mean transprune-high\?\)$/,
    );
  });
});

test('weights in several files stay where they are', async () => {
  const pieces = await llavaInPieces();
  const before = await readdir(join(pieces, 'onnx'));
  const model = await pruned(Class, { plan }).from_pretrained(pieces, load);
  expect(await answerOf(model, { pruning: false })).toEqual(each.tokens);
  expect(await answerOf(model)).toEqual(await prunedAnswer());
  await model.dispose();
  expect(await readdir(join(pieces, 'onnx'))).toEqual(before);
  const data = await stat(join(pieces, 'onnx', 'decoder_model_merged.onnx_data_1'));
  expect(data.nlink).toBe(2);
});
