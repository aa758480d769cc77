/** The page by itself: names, keyboard, accessibility, budgets, times without a network. */
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { button, openBrowser, openPage, region, statusOf } from '../testing/page.js';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe finds serious, as rules and elements. */
async function seriousFaults(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: axePath });
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') };
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(' ')}`));
  });
}

test('the first view is small, shows a prepared answer and asks no other host', async () => {
  const { page, errors, requests, pageRequests } = await openPage(browser, inject('pageUrl'));
  await expect
    .poll(() => region(page, 'Kept patches').textContent())
    .toContain('72 of 576, after layer 6');
  await page.waitForLoadState('networkidle');
  const own = requests.filter((url) => url.startsWith(inject('pageUrl')));
  expect(requests.filter((url) => !own.includes(url) && !/^(blob|data):/.test(url))).toEqual([]);
  // What the service worker keeps for later is fetched after the first view.
  const seen = new Set(pageRequests.filter((url) => own.includes(url)));
  let bytes = 0;
  for (const url of seen) {
    const response = await fetch(url);
    bytes += gzipSync(Buffer.from(await response.arrayBuffer())).length;
  }
  expect(bytes).toBeLessThan(200_000);
  expect(errors).toEqual([]);
  await page.context().close();
});

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([360, 1440])('axe finds nothing serious at %i pixels', async (width) => {
    const viewport = { width, height: 900 };
    const { page } = await openPage(browser, inject('pageUrl'), { colorScheme, viewport });
    await page.getByRole('img', { name: 'FFN, direction, layer 15' }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    for (const name of ['Explain', 'Your model', 'Bench']) {
      await page.getByRole('link', { name }).click();
      await region(page, name).waitFor();
      expect(await seriousFaults(page)).toEqual([]);
    }
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBe(0);
    await page.context().close();
  });
});

test('the walk has six steps and needs no model', async () => {
  const { page, errors, requests } = await openPage(browser, `${inject('pageUrl')}#view=explain`);
  for (let step = 2; step <= 6; step++) {
    await button(page, 'Continue').click();
    expect(await statusOf(page).textContent()).toMatch(new RegExp(`^Step ${step} of 6: `));
  }
  expect(await region(page, 'Explain').textContent()).toContain('random choice');
  await button(page, 'Try it yourself').click();
  await region(page, 'Kept patches').waitFor();
  expect(requests.filter((url) => url.endsWith('.wasm'))).toEqual([]);
  expect(errors).toEqual([]);
  await page.context().close();
});

test('a view whose code cannot be fetched says so', async () => {
  const { page } = await openPage(browser, inject('pageUrl'), { serviceWorkers: 'block' });
  await page.route(/\/explain-view-[^/]*\.js$/, (route) => route.abort());
  await page.getByRole('link', { name: 'Explain' }).click();
  await expect
    .poll(() => page.getByRole('alert').textContent())
    .toMatch(/^This view could not be loaded: .*Check the network/);
  await page.getByRole('link', { name: 'Look' }).click();
  await region(page, 'Kept patches').waitFor();
  await page.context().close();
});

test('an example that cannot be fetched says so, and the address is heeded all the same', async () => {
  const { page } = await openPage(browser, 'about:blank', { serviceWorkers: 'block' });
  await page.route('**/samples/scene-4.png', (route) => route.abort());
  await page.goto(`${inject('pageUrl')}#picture=scene-4`);
  await expect
    .poll(() => page.getByRole('alert').textContent())
    .toBe('samples/scene-4.png could not be fetched; check the network');
  await page.evaluate(() => {
    location.hash = '#picture=scene-3';
  });
  await expect.poll(() => button(page, 'scene 3').getAttribute('aria-pressed')).toBe('true');
  expect(await page.getByRole('alert').count()).toBe(0);
  await page.context().close();
});

test('the address restores picture, question and plan', async () => {
  const { page } = await openPage(browser, inject('pageUrl'));
  await button(page, 'scene 4').click();
  await page.getByRole('textbox', { name: 'Question' }).fill('what number is on the heart?');
  await button(page, 'Low').click();
  await page.getByRole('slider', { name: 'picture size' }).fill('48');
  await page.getByRole('combobox', { name: 'Method' }).selectOption('random');
  await page.getByRole('spinbutton', { name: 'seed' }).fill('7');
  const wanted =
    /picture=scene-4&question=what\+number.*&preset=transprune-low&method=random&seed=7&size=48$/;
  await expect.poll(() => page.url()).toMatch(wanted);
  const { page: again } = await openPage(browser, page.url());
  await expect
    .poll(() => again.getByRole('textbox', { name: 'Question' }).inputValue())
    .toBe('what number is on the heart?');
  expect(await button(again, 'scene 4').getAttribute('aria-pressed')).toBe('true');
  const ratios = again.getByRole('group', { name: 'Keep ratios' });
  expect(await ratios.getByRole('slider', { name: 'after layer 6' }).inputValue()).toBe('36');
  expect(await again.getByRole('spinbutton', { name: 'seed' }).inputValue()).toBe('7');
  for (const each of [page, again]) await each.context().close();
});

test('an own picture is read as the model sees it, and kept in the address; others are refused', async () => {
  const { page, errors } = await openPage(browser, inject('pageUrl'));
  const red = { width: 300, height: 200, channels: 3, background: 'red' } as const;
  const picture = await sharp({ create: red }).png().toBuffer();
  const choose = (name: string, buffer: Buffer) =>
    page.getByLabel('Picture file').setInputFiles({ name, mimeType: 'image/png', buffer });
  await choose('no-picture.png', Buffer.from('not a picture'));
  await expect
    .poll(() => page.getByRole('alert').textContent())
    .toMatch(/^no-picture\.png is no picture/);
  await choose('red.png', picture);
  await expect.poll(() => statusOf(page).textContent()).toBe('The picture red.png is chosen');
  await expect.poll(() => page.url()).toContain('picture=data%3Aimage%2Fpng');
  const { page: again } = await openPage(browser, page.url());
  await expect
    .poll(() =>
      again
        .locator('.picture canvas')
        .evaluate((canvas: HTMLCanvasElement) =>
          Array.from(canvas.getContext('2d')?.getImageData(50, 50, 1, 1).data ?? []),
        ),
    )
    .toEqual([255, 0, 0, 255]);
  expect(errors).toEqual([]);
  for (const each of [page, again]) await each.context().close();
});
