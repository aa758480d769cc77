/**
 * The whole path with real clicks: load, ask, look, try; what is kept is what Node keeps. A graphics card in
 * software has much to do with the embedded model, so most of it is done with the small one.
 */

import type { Trace } from '@transprune/trace';
import type { Browser, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { focusOf, tabTo } from '../testing/keyboard.js';
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
  textsOf,
} from '../testing/page.js';
import { longestTaskMs } from '../testing/tracing.js';
import { example } from './prepared/traces.js';

const question = 'what color is the heart?';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

/** Where the picture shows a colour of the theme, as indices of pixels. */
function shownAs(page: Page, color: '--warm'): Promise<number[]> {
  return page.locator('.picture canvas').evaluate((canvas: HTMLCanvasElement, name) => {
    const style = getComputedStyle(document.documentElement);
    const wanted = /^#(..)(..)(..)$/.exec(style.getPropertyValue(name).trim()) ?? [];
    const [red, green, blue] = wanted.slice(1).map((part) => Number.parseInt(part, 16));
    const { data = [] } =
      canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? {};
    const found: number[] = [];
    for (let at = 0; at < data.length; at += 4) {
      if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) found.push(at / 4);
    }
    return found;
  }, color);
}

/**
 * Has the graphics card be lost at the next thing that it is to do. To open and warm up another takes long, so that
 * the questions that follow are those of the other tests.
 */
async function loseCard(page: Page): Promise<void> {
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
}

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
  let told: readonly string[];
  beforeAll(async () => {
    opened = await openPage(browser, `${inject('smallPageUrl')}#device=${device}`);
    told = await textsOf(statusOf(opened.page));
    await loadModel(opened.page);
    if (device === 'webgpu') await loseCard(opened.page);
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

  test('a screen reader hears of loading, prefill, stages and answers, and of a card that was lost', () => {
    const where = device === 'wasm' ? 'WebAssembly' : 'WebGPU';
    const begun = [`The model is loaded and runs on ${where}`, 'Prefill of the unpruned model'];
    const lost = [...begun, 'The graphics card was lost; opening it again'];
    const wanted = [
      'Loading the model',
      ...(device === 'webgpu' ? lost : []),
      ...begun,
      'Unpruned answer: purple',
      'Prefill of the pruned model',
      '126 image tokens kept after layer 3',
      '90 image tokens kept after layer 4',
      '18 image tokens kept after layer 5',
      'Pruned answer: purple',
    ];
    expect(told.filter((text) => wanted.includes(text))).toEqual(wanted);
  });

  test('both answers tell their times, tokens of each layer, cache and FLOPs', async () => {
    const { page } = opened;
    const figures =
      /vision [\d.,]+\sms.*prefill [\d.,]+\sms.*first step [\d.,]+\sms.*first token[\d.,]+\sms.*tokens\/s[\d.]+.*KV cache[\d.]+\sMB.*FLOPs[\d.]+\s[MG]/;
    const perLayer = async (name: string) => {
      expect(await region(page, name).textContent()).toMatch(figures);
      const bars = region(page, name).getByRole('img', { name: /^Image tokens from layer 1 to/ });
      return (await bars.getAttribute('aria-label'))?.replace(/^.*: /, '');
    };
    expect(await perLayer('Unpruned answer')).toBe(Array(12).fill(144).join(', '));
    const after = [...Array(3).fill(144), 126, 90, ...Array(7).fill(18)];
    expect(await perLayer('Pruned answer')).toBe(after.join(', '));
    expect(await region(page, 'Pruned answer').textContent()).toMatch(/fewer FLOPs[1-9][\d.]*\sx/);
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

  // The other way round a second card would be opened, which in software takes half a minute.
  if (device === 'webgpu')
    test('another device in the address ends the answer that is on its way', async () => {
      const { page } = opened;
      await page.getByRole('textbox', { name: 'Question' }).fill('describe the image.');
      await button(page, 'Ask').click();
      await button(page, 'Stop').waitFor();
      await page.evaluate(() => {
        location.hash = '#device=wasm';
      });
      const onWasm = /is loaded and runs on WebAssembly/;
      await expect.poll(() => statusOf(page).textContent()).toMatch(onWasm);
      await button(page, 'Ask').waitFor();
      await ask(page);
      expect(await region(page, 'Pruned answer').textContent()).toContain('purple');
    });

  test('nothing went wrong, and nothing left the browser', () => {
    expect(opened.errors).toEqual([]);
    const own = new URL(inject('smallPageUrl')).origin;
    const elsewhere = opened.requests.filter((url) => !/^(blob|data):/.test(url));
    expect(elsewhere.filter((url) => new URL(url).origin !== own)).toEqual([]);
  });
});

test('the embedded model answers as in Node, and leaves the main thread free', async () => {
  const { page, errors } = await openPage(browser, `${inject('pageUrl')}#device=wasm`);
  const { sample, question: asked } = example;
  // Processor time, which other load does not lengthen; budgets are several times what was measured.
  const firstView = await longestTaskMs(browser, page, async () => {
    await page.reload();
    await page.getByRole('img', { name: /^FFN/ }).first().waitFor();
  });
  await loadModel(page);
  const answering = await longestTaskMs(browser, page, () => ask(page, asked));
  expect(answering).toBeGreaterThan(0);
  expect(answering).toBeLessThan(100);
  expect(firstView).toBeLessThan(200);
  // A task that is too long would be seen: a billion steps are one on any machine.
  const tooLong = await longestTaskMs(browser, page, () =>
    page.evaluate(() => {
      let mixed = 0;
      for (let step = 0; step < 1e9; step++) mixed ^= step;
      return mixed;
    }),
  );
  expect(tooLong).toBeGreaterThan(100);
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
    expect(await focusOf(page)).toBe('Stop');
    await page.keyboard.press('Enter');
    expect(await statusOf(page).textContent()).toBe('Stopped');
    // Enter in the question does what the button would.
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    await button(page, 'Ask').waitFor();
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
    await page.keyboard.press('ArrowLeft');
    expect(await statusOf(page).textContent()).toBe('126 of 144, after layer 3');
    await page.keyboard.press('ArrowRight');
    await tabTo(page, 'Next stage');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    expect(await statusOf(page).textContent()).toBe('18 of 144, after layer 5');
    expect(await focusOf(page)).toBe('Next stage');
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
    expect(await statusOf(page).textContent()).toMatch(/^1 patch with a score .* kept$/);
    await expect.poll(() => shownAs(page, '--warm')).not.toEqual([]);
    const marked = await shownAs(page, '--warm');
    await bar.press('Home');
    expect(await statusOf(page).textContent()).toMatch(/patch(es)? with a score .* dropped$/);
    // Key by key past the gaps, to the other end.
    const last = Number(await bar.getAttribute('aria-valuemax'));
    for (let step = 0; step < last; step++) await bar.press('ArrowRight');
    await expect.poll(() => bar.getAttribute('aria-valuenow')).toBe(`${last}`);
    await bar.press('Home');
    // Other patches are framed in the picture.
    await expect.poll(() => shownAs(page, '--warm')).not.toEqual(marked);
    const patches = page.getByRole('gridcell', { name: /, kept after layer 5$/ });
    const barOf = async (at: number) => {
      const label = await patches.nth(at).getAttribute('aria-label');
      await patches.nth(at).hover();
      await expect.poll(() => score.textContent()).toContain(label);
      return Number(await bar.getAttribute('aria-valuenow'));
    };
    const bars = [];
    for (let at = 0; at < 18; at++) bars.push(await barOf(at));
    expect(Math.max(...bars)).toBe(last);
    expect(new Set(bars).size).toBeGreaterThan(3);
  });

  test('an answer comes word by word; fewer pixels are the unpruned side alone', async () => {
    const { page } = opened;
    const texts = await textsOf(region(page, 'Unpruned answer').locator('.text'));
    await page.getByRole('slider', { name: 'picture size' }).fill('48');
    await ask(page, 'describe the image.');
    const words = texts.filter((text) => text !== 'prefill' && text !== '–');
    expect(new Set(words).size).toBeGreaterThan(2);
    words.slice(1).forEach((text, at) => {
      expect(text.startsWith(words[at] ?? '')).toBe(true);
    });
    expect(await region(page, 'Unpruned answer').textContent()).toContain('from 48 x 48 pixels');
    const { unpruned, pruned } = await downloadTrace(page);
    expect([unpruned?.pictureSize, pruned.pictureSize]).toEqual([48, 96]);
    await page.getByRole('slider', { name: 'picture size' }).fill('96');
  });

  test('an answer can be stopped, and asked for again', async () => {
    const { page } = opened;
    const told = await textsOf(statusOf(page));
    await page.getByRole('textbox', { name: 'Question' }).fill('describe the image.');
    await button(page, 'Ask').click();
    await button(page, 'Stop').click();
    await button(page, 'Ask').waitFor();
    expect(await statusOf(page).textContent()).toBe('Stopped');
    // A double click is one click.
    await page.getByRole('textbox', { name: 'Question' }).fill('what color is the triangle?');
    await button(page, 'Ask').dblclick();
    await expect.poll(() => statusOf(page).textContent()).toBe('Pruned answer: green');
    expect(told.filter((text) => text === 'Stopped')).toHaveLength(1);
    expect(await region(page, 'Unpruned answer').textContent()).toContain('green');
    expect(opened.errors).toEqual([]);
  });
});
