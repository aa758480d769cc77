/**
 * The whole path with real clicks: load, ask, look, try; what is kept is what Node keeps. A graphics card in
 * software has much to do with the embedded model, so most of it is done with the small one.
 */

import type { Trace } from '@transprune/trace';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { tabTo } from '../testing/keyboard.js';
import { answerInNode, type ModelName } from '../testing/node-answer.js';
import {
  ask,
  button,
  downloadTrace,
  loadModel,
  type OpenedPage,
  openBrowser,
  openPage,
  region,
  statusOf,
} from '../testing/page.js';
import { longestTaskMs } from '../testing/tracing.js';
import { example } from './prepared/traces.js';

const question = 'what color is the heart?';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** Holds a trace against the same question in Node. */
async function compareWithNode(model: ModelName, trace: Trace): Promise<void> {
  const expected = await answerInNode(model, trace.picture.name, trace.question, trace.plan);
  expect(trace.pruned.text).toBe(expected.text);
  expect(trace.stages.map(({ kept }) => kept)).toEqual(
    expected.stages.map(({ keptImageTokens }) => keptImageTokens),
  );
  trace.stages.forEach(({ scores }, at) => {
    const { imagePositions } = expected.prompt;
    const before = expected.stages[at - 1]?.kept;
    const inNode = (expected.stages[at]?.scores ?? []).filter((_, row) =>
      imagePositions.includes(before?.[row] ?? row),
    );
    expect(scores).toHaveLength(inNode.length);
    for (const [index, score] of scores.entries()) {
      expect(Math.abs(score - (inNode[index] ?? 0))).toBeLessThan(1e-5);
    }
  });
}

describe.each(['wasm', 'webgpu'])('on %s', (device) => {
  let opened: OpenedPage;
  beforeAll(async () => {
    opened = await openPage(browser, `${inject('smallPageUrl')}#device=${device}`);
    await loadModel(opened.page);
  });
  afterAll(() => opened.page.context().close());

  test('a question is answered by both, and what is kept is what Node keeps', async () => {
    const { page } = opened;
    await expect.poll(() => statusOf(page).textContent()).toMatch(/is loaded and runs on/);
    await ask(page, question);
    for (const name of ['Unpruned answer', 'Pruned answer']) {
      expect(await region(page, name).textContent()).toContain('purple');
    }
    expect(await statusOf(page).textContent()).toBe('Pruned answer: purple');
    expect(await region(page, 'Kept patches').textContent()).toContain('18 of 144, after layer 5');
    await page.getByRole('img', { name: 'FFN, direction, layer 11' }).waitFor();
    const trace = await downloadTrace(page);
    expect(trace.device).toBe(device);
    expect(trace.stages.map(({ kept }) => kept.length)).toEqual([126, 90, 18]);
    for (const { scores, parts } of trace.stages) {
      scores.forEach((score, at) => {
        const sum = (parts?.transition[at] ?? 0) + (parts?.instruction[at] ?? 0);
        expect(Math.abs(score - sum)).toBeLessThan(1e-5);
      });
    }
    expect(trace.layers).toHaveLength(11);
    await compareWithNode('small', trace);
  });

  test('other ratios and another method need no reload', async () => {
    const { page } = opened;
    const ratios = page.getByRole('group', { name: 'Keep ratios' });
    await ratios.getByRole('slider', { name: 'after layer 3' }).fill('72');
    await page.getByRole('combobox', { name: 'Method' }).selectOption('random');
    await ask(page);
    const trace = await downloadTrace(page);
    expect(trace.plan).toMatchObject({ method: 'random', seed: 1 });
    expect(trace.stages.map(({ kept }) => kept.length)).toEqual([72, 72, 18]);
    await compareWithNode('small', trace);
  });

  test('nothing went wrong, and nothing left the browser', () => {
    expect(opened.errors).toEqual([]);
    const own = new URL(inject('smallPageUrl')).origin;
    const elsewhere = opened.requests.filter((url) => !/^(blob|data):/.test(url));
    expect(elsewhere.filter((url) => new URL(url).origin !== own)).toEqual([]);
  });

  if (device === 'wasm') return;

  test('a graphics card that is lost is opened again', async () => {
    const { page } = opened;
    const answered = await statusOf(page).textContent();
    expect(answered).toMatch(/^Pruned answer: ./);
    // The others are threads of WebAssembly, which wait and hear nothing.
    const worker = page.workers().find((one) => /\/worker-[^/]*\.js$/.test(one.url()));
    await worker?.evaluate(() => {
      const { prototype } = GPUDevice;
      const { createCommandEncoder } = prototype;
      prototype.createCommandEncoder = function lose(this: GPUDevice, ...options) {
        this.destroy();
        return createCommandEncoder.apply(this, options);
      };
    });
    const told: string[] = [];
    await page.exposeFunction('tell', (text: string) => told.push(text));
    await statusOf(page).evaluate((element) => {
      const { tell } = window as unknown as { tell(text: string): void };
      new MutationObserver(() => tell(element.textContent ?? '')).observe(element, {
        ...{ childList: true, characterData: true, subtree: true },
      });
    });
    await ask(page);
    expect(told).toContain('The graphics card was lost; opening it again');
    expect(await statusOf(page).textContent()).toBe(answered);
  });
});

test('the embedded model answers as in Node, and leaves the main thread free', async () => {
  const { page, errors } = await openPage(browser, `${inject('pageUrl')}#device=wasm`);
  const { sample, question: asked } = example;
  // Processor time, which other load does not lengthen; a slow machine shows it in the first view too.
  const firstView = await longestTaskMs(browser, page, async () => {
    await page.reload();
    await page.getByRole('img', { name: /^FFN/ }).first().waitFor();
  });
  await loadModel(page);
  const answering = await longestTaskMs(browser, page, () => ask(page, asked));
  expect(answering).toBeGreaterThan(0);
  expect(answering).toBeLessThan(Math.max(100, firstView));
  await page.getByRole('img', { name: 'FFN, direction, layer 15' }).waitFor();
  const trace = await downloadTrace(page);
  expect(trace.picture.name).toBe(sample);
  expect([trace.unpruned?.text, trace.pruned.text]).toEqual(['2', '2']);
  expect(trace.stages.map(({ kept }) => kept.length)).toEqual([504, 360, 72]);
  await compareWithNode('embedded', trace);
  expect(errors).toEqual([]);
  await page.context().close();
});

describe('what is shown of an answer', () => {
  let opened: OpenedPage;
  beforeAll(async () => {
    opened = await openPage(browser, `${inject('smallPageUrl')}#device=wasm&picture=scene-3`);
  });
  afterAll(() => opened.page.context().close());

  test('all of it is done by keyboard alone', async () => {
    const { page } = opened;
    await tabTo(page, 'Load model');
    await page.keyboard.press('Enter');
    await button(page, 'Ask').waitFor();
    await tabTo(page, 'Question');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('what color is the triangle?');
    await page.keyboard.press('Enter');
    await button(page, 'Stop').waitFor();
    await button(page, 'Ask').waitFor();
    expect(await region(page, 'Pruned answer').textContent()).toContain('green');
    await tabTo(page, 'Previous stage');
    await page.keyboard.press('Enter');
    expect(await statusOf(page).textContent()).toBe('90 of 144, after layer 4');
    await tabTo(page, 'Stage');
    await page.keyboard.press('ArrowRight');
    expect(await statusOf(page).textContent()).toBe('18 of 144, after layer 5');
    await tabTo(page, /^row \d+, column \d+/);
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    expect(await statusOf(page).textContent()).toMatch(/^row \d+, column 1: /);
    const coming = page.waitForEvent('download');
    await tabTo(page, 'Download trace');
    await page.keyboard.press('Enter');
    expect((await coming).suggestedFilename()).toBe('trace.json');
    await tabTo(page, 'Explain');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Continue');
    await page.keyboard.press('Enter');
    expect(await statusOf(page).textContent()).toMatch(/^Step 2 of 6: /);
    await tabTo(page, 'Look');
    await page.keyboard.press('Enter');
    await region(page, 'Kept patches').waitFor();
  });

  test('stages are gone through by buttons and slider, and told', async () => {
    const { page } = opened;
    const slider = page.getByRole('slider', { name: 'Stage', exact: true });
    expect(await slider.inputValue()).toBe('3');
    await button(page, 'Previous stage').click();
    expect(await slider.inputValue()).toBe('2');
    expect(await statusOf(page).textContent()).toBe('90 of 144, after layer 4');
    await slider.fill('0');
    expect(await statusOf(page).textContent()).toBe('all 144, before anything is dropped');
    await button(page, 'Next stage').click();
    expect(await slider.inputValue()).toBe('1');
    await slider.fill('3');
  });

  test('patch and histogram point each other out', async () => {
    const { page } = opened;
    const score = region(page, 'Score of the patch');
    await page.getByRole('gridcell', { name: /^row 6, column 12:/ }).hover();
    await expect.poll(() => score.textContent()).toContain('row 6, column 12: rank ');
    await expect.poll(() => score.textContent()).toContain('transition');
    const bar = page.getByRole('slider', { name: 'Bar of the histogram of scores' });
    await bar.press('End');
    await bar.press('ArrowRight');
    expect(await statusOf(page).textContent()).toMatch(
      /patch(es)? with a score from .*(kept|dropped)$/,
    );
  });

  test('an answer can be stopped, and asked for again', async () => {
    const { page } = opened;
    await page.getByRole('textbox', { name: 'Question' }).fill('describe the image.');
    await button(page, 'Ask').click();
    await button(page, 'Stop').click();
    await button(page, 'Ask').waitFor();
    expect(await statusOf(page).textContent()).toMatch(/^(Stopped|Unpruned answer|Pruned answer)/);
    await ask(page, 'what color is the triangle?');
    expect(await region(page, 'Unpruned answer').textContent()).toContain('green');
    expect(opened.errors).toEqual([]);
  });

  test('another device in the address ends the answer that is on its way', async () => {
    const { page } = opened;
    await page.getByRole('textbox', { name: 'Question' }).fill('describe the image.');
    await button(page, 'Ask').click();
    await button(page, 'Stop').waitFor();
    await page.evaluate(() => {
      location.hash = '#device=auto';
    });
    await expect.poll(() => statusOf(page).textContent()).toMatch(/is loaded and runs on/);
    await button(page, 'Ask').waitFor();
    await ask(page, 'what color is the triangle?');
    expect(await region(page, 'Pruned answer').textContent()).toContain('green');
    expect(opened.errors).toEqual([]);
  });
});
