/** A decoder of the user's: reported, pruned and downloaded; and a model of the hub, which stands in a folder here. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { presetPlan } from '@transprune/core';
import { hubFolder } from '@transprune/fixtures';
import { decodeModel, encodeModel, pruneModel, readPlan } from '@transprune/onnx';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { focusOf } from '../testing/keyboard.js';
import {
  button,
  type OpenedPage,
  openBrowser,
  openPage,
  region,
  statusOf,
} from '../testing/page.js';

const decoderPath = `${hubFolder('llava')}/onnx/decoder_model_merged.onnx`;

let browser: Browser;
let opened: OpenedPage;
beforeAll(async () => {
  browser = await openBrowser();
  opened = await openPage(browser, `${inject('pageUrl')}#view=model`);
});
afterAll(() => browser.close());

test('a decoder is reported, pruned as in Node, and downloaded', async () => {
  const { page } = opened;
  await page.getByLabel('Decoder file').setInputFiles(decoderPath);
  await region(page, 'Structure').waitFor();
  const structure = await region(page, 'Structure').textContent();
  expect(structure).toContain('It can be pruned.');
  const model = decodeModel(await readFile(decoderPath));
  const plan = region(page, 'Plan');
  await plan.getByRole('combobox', { name: 'Preset' }).selectOption('transprune-low');
  await plan.getByRole('combobox', { name: 'Method' }).selectOption('key-norm');
  await expect.poll(() => plan.textContent()).toContain('6.3 % of the image tokens stay');
  const coming = page.waitForEvent('download');
  await button(page, 'Download pruned file').click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe('decoder_model_merged.pruned.onnx');
  expect(await focusOf(page)).toBe('Download pruned file');
  const bytes = await readFile(await download.path());
  const layers = Number(/layers(\d+)hidden/.exec(structure ?? '')?.[1]);
  const { plan: preset } = presetPlan('transprune-low', layers);
  const inNode = pruneModel(model, { ...preset, method: 'key-norm' });
  expect(readPlan(decodeModel(bytes))).toEqual(readPlan(inNode.model));
  expect(bytes.equals(encodeModel(inNode.model))).toBe(true);
});

test('what is no decoder is refused in words', async () => {
  const { page } = opened;
  const choose = (name: string, buffer: Buffer) =>
    page.getByLabel('Decoder file').setInputFiles({ name, mimeType: '', buffer });
  await choose('text.onnx', Buffer.from('not a model'));
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/model/);
  await choose('vision.onnx', await readFile(`${hubFolder('llava')}/onnx/vision_encoder.onnx`));
  await expect
    .poll(() => region(page, 'Structure').textContent())
    .toContain('It cannot be pruned: ');
  expect(await button(page, 'Download pruned file').isDisabled()).toBe(true);
});

test('a model of the hub answers, unpruned and pruned', async () => {
  const { page } = opened;
  const root = new URL(`file://${hubFolder('llava')}/`);
  await page.context().route('https://huggingface.co/**', async (route) => {
    const [, path = ''] = /resolve\/main\/(.*)$/.exec(route.request().url()) ?? [];
    const body = await readFile(fileURLToPath(new URL(path, root))).catch(() => undefined);
    const headers = { 'access-control-allow-origin': '*' };
    await route.fulfill(body ? { body, headers } : { status: 404, headers });
  });
  await page.getByRole('textbox', { name: 'Model id' }).fill('tiny/llava');
  const card = page.getByRole('form', { name: 'A model of the hub' });
  await card.getByRole('combobox', { name: 'Weights' }).selectOption('fp32');
  await card.getByRole('combobox', { name: 'Device' }).selectOption('wasm');
  await button(page, 'Fetch model').click();
  await expect
    .poll(() => statusOf(page).textContent())
    .toBe('tiny/llava is loaded, its decoder pruned');
  await button(page, 'Ask both ways').click();
  await region(page, 'Pruned answer').waitFor();
  expect(await focusOf(page)).toBe('Ask both ways');
  const counts = (await region(page, 'Pruned answer').textContent())?.match(/tokens ([\d, ]+)$/);
  const [all = 0, ...kept] = (counts?.[1] ?? '').split(', ').map(Number);
  expect(kept).toHaveLength(3);
  expect(kept.at(-1)).toBe(Math.floor(all / 8));
  expect(opened.errors.filter((text) => !/404/.test(text))).toEqual([]);
});
