/**
 * The bench page: a benchmark of its own on WebAssembly, and those of others. A GPU in software takes minutes for
 * one; the page is that with the small model, whose decoder is timed sooner.
 */
import { parseBench } from '@transprune/bench';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { runBench } from '../testing/bench-page.js';
import {
  button,
  type OpenedPage,
  openBrowser,
  openPage,
  region,
  statusOf,
} from '../testing/page.js';

let browser: Browser;
let opened: OpenedPage;
beforeAll(async () => {
  browser = await openBrowser();
  opened = await openPage(browser, `${inject('smallPageUrl')}#view=bench`);
});
afterAll(() => browser.close());

test('a decoder is timed on WebAssembly, and its JSON is shown again', async () => {
  const { page } = opened;
  const text = await runBench(page, {
    ...{ decoder: 'embedded', device: 'wasm', weights: 'fp32', rounds: 1 },
  });
  const found = parseBench(text);
  expect(found.prefillTimes.pruned.values).toHaveLength(1);
  expect(found.stages.map(({ imageTokens }) => imageTokens)).toEqual([126, 90, 18]);
  expect(found.flopsBoundSpeedup).toBeGreaterThan(1);
  expect(found.dispatches).toBeUndefined();
  const elsewhere = text.replace('"model": "embedded"', '"model": "elsewhere"');
  const choose = (name: string, content: string) =>
    page
      .getByLabel('Benchmark file')
      .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(content) });
  await choose('theirs.json', elsewhere);
  await region(page, 'elsewhere on wasm').waitFor();
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['png'], 'picture.png', { type: 'image/png' }));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true }));
  });
  await expect
    .poll(() => page.getByRole('alert').textContent())
    .toMatch(/^picture\.png: expected the JSON of a benchmark/);
  await choose('broken.json', elsewhere.replace('prunedMs', 'prunedmS'));
  await expect
    .poll(() => page.getByRole('alert').textContent())
    .toMatch(/^broken\.json: expected the JSON of a benchmark.*prunedMs/s);
  await page.evaluate(
    (pasted) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text', pasted);
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    },
    elsewhere.replace('elsewhere', 'pasted'),
  );
  await region(page, 'pasted on wasm').waitFor();
});

test('a benchmark can be stopped', async () => {
  const { page } = opened;
  await page.getByRole('spinbutton', { name: 'Rounds' }).fill('99');
  await button(page, 'Run').click();
  await button(page, 'Stop').click();
  await button(page, 'Run').waitFor();
  // Once, and none was begun by the same click.
  expect(await statusOf(page).textContent()).toBe('The benchmark was stopped');
  // What was chosen is still chosen when one comes back.
  await page.getByRole('link', { name: 'Look' }).click();
  await page.getByRole('link', { name: 'Bench' }).click();
  expect(await page.getByRole('spinbutton', { name: 'Rounds' }).inputValue()).toBe('99');
  expect(opened.errors).toEqual([]);
});
