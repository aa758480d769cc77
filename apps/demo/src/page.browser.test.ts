/** The page by itself: names, keyboard, accessibility, budgets, times without a network. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { hubFolder } from '@transprune/fixtures';
import { chromiumFlags } from '@transprune/testing/chromium';
import type { Browser, Page } from 'playwright';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { focusOf } from '../testing/keyboard.js';
import { button, loadModel, openBrowser, openPage, region, statusOf } from '../testing/page.js';

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

/** Pixels that a page is wider than its window. */
const overflowOf = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** What `transprune bench` of a browser measured, as the documentation has it. */
const measuredBench = fileURLToPath(
  new URL('../../../docs/figures/wasm-smolvlm-256m.json', import.meta.url),
);

const walkTitles = [
  'The picture becomes tokens',
  'Layers change tokens',
  'The question looks, too',
  'Both together rank the patches',
  'The lowest are dropped, for good',
  'Was that the right choice?',
];

test('the first view is small, shows a prepared answer and asks no other host', async () => {
  const { page, errors, requests, pageRequests } = await openPage(browser, inject('pageUrl'));
  await expect
    .poll(() => region(page, 'Kept patches').textContent())
    .toContain('72 of 576, after layer 6');
  // By the server's headers, as no service worker was there before.
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
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

// Colours don't depend on the width, nor widths on the colours.
test.each([
  ['light', 320],
  ['dark', 768],
  ['light', 1440],
] as const)('axe finds nothing serious in %s at %i pixels', async (colorScheme, width) => {
  const viewport = { width, height: 900 };
  const { page } = await openPage(browser, inject('pageUrl'), { colorScheme, viewport });
  const check = async () => {
    expect(await seriousFaults(page)).toEqual([]);
    expect(await overflowOf(page)).toBe(0);
  };
  await page.getByRole('img', { name: 'FFN, direction, layer 15' }).waitFor();
  // A name that is longer than a line.
  const text = { name: `${'text'.repeat(20)}.txt`, mimeType: '', buffer: Buffer.from('text') };
  await page.getByLabel('Picture file').setInputFiles(text);
  await page.getByRole('alert').waitFor();
  await check();
  await page.getByRole('link', { name: 'Explain' }).click();
  for (let step = 1; step <= 6; step++) {
    await button(page, `Step ${step}: ${walkTitles[step - 1]}`).click();
    await check();
  }
  await page.getByRole('link', { name: 'Your model' }).click();
  const decoder = `${hubFolder('llava')}/onnx/decoder_model_merged.onnx`;
  await page.getByLabel('Decoder file').setInputFiles(decoder);
  await region(page, 'Structure').waitFor();
  await check();
  await page.getByRole('link', { name: 'Bench' }).click();
  await page.getByLabel('Benchmark file').setInputFiles(measuredBench);
  await region(page, 'smolvlm-256m on wasm').waitFor();
  await check();
  await page.context().close();
});

test('the walk has six steps and needs no model', async () => {
  const { page, errors, requests } = await openPage(browser, `${inject('pageUrl')}#view=explain`);
  await button(page, 'Continue').click();
  await button(page, 'Back').press('Enter');
  expect(await focusOf(page)).toBe('Back');
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
  // Each view is a step of the browser's history.
  await page.goBack();
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
  const seed = page.getByRole('spinbutton', { name: 'seed' });
  await seed.fill('7');
  // No seed, and none that an address holds.
  for (const text of ['', '-1', '10000']) await seed.fill(text);
  await seed.blur();
  expect(await seed.inputValue()).toBe('7');
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
  // Ratios of one's own, to the patch.
  await ratios.getByRole('slider', { name: 'after layer 5' }).fill('301');
  await expect.poll(() => again.url()).toContain('keep=360%2C301%2C36');
  await again.reload();
  await expect
    .poll(() => ratios.getByRole('slider', { name: 'after layer 5' }).inputValue())
    .toBe('301');
  for (const each of [page, again]) await each.context().close();
});

test('an own picture is read as the model sees it, and kept in the address; others are refused', async () => {
  const { page, errors } = await openPage(browser, inject('pageUrl'));
  const red = { width: 300, height: 200, channels: 3, background: 'red' } as const;
  const right = { background: 'transparent', right: 300 } as const;
  const picture = await sharp({ create: red }).extend(right).png().toBuffer();
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
          [50, canvas.width - 50].map((x) =>
            Array.from(canvas.getContext('2d')?.getImageData(x, 50, 1, 1).data ?? []),
          ),
        ),
    )
    // What is transparent is white to the model.
    .toEqual([
      [255, 0, 0, 255],
      [255, 255, 255, 255],
    ]);
  expect(errors).toEqual([]);
  for (const each of [page, again]) await each.context().close();
});

describe('pictures of the user', () => {
  /** Sends an event with a file, as the browser does. */
  const give = (page: Page, kind: 'drop' | 'paste', file: { name: string; bytes: Buffer }) =>
    page.evaluate(
      ({ kind: type, name, base64, mime }) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], name, { type: mime }));
        const options = { bubbles: true, cancelable: true };
        document.body.dispatchEvent(
          type === 'drop'
            ? new DragEvent(type, { ...options, dataTransfer: data })
            : new ClipboardEvent(type, { ...options, clipboardData: data }),
        );
      },
      {
        ...{ kind, name: file.name, base64: file.bytes.toString('base64') },
        mime: file.name.endsWith('.png') ? 'image/png' : '',
      },
    );

  test('are dropped and pasted; what is none is refused in words', async () => {
    const { page, errors } = await openPage(browser, inject('pageUrl'));
    await region(page, 'Score of the patch').getByText('rank 1 of').waitFor();
    const blue = { width: 40, height: 30, channels: 3, background: 'blue' } as const;
    const bytes = await sharp({ create: blue }).png().toBuffer();
    for (const kind of ['drop', 'paste'] as const) {
      await give(page, kind, { name: `${kind}.png`, bytes });
      await expect
        .poll(() => statusOf(page).textContent())
        .toBe(`The picture ${kind}.png is chosen`);
      await give(page, kind, { name: `${kind}.pdf`, bytes: Buffer.from('%PDF') });
      await expect
        .poll(() => page.getByRole('alert').textContent())
        .toMatch(new RegExp(`^${kind}\\.pdf is no picture`));
    }
    expect(errors).toEqual([]);
    await page.context().close();
  });

  test('come from the camera, and a camera that is refused says so', async () => {
    const withCamera = await openBrowser([
      ...chromiumFlags,
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ]);
    const { page } = await openPage(withCamera, inject('pageUrl'), { permissions: ['camera'] });
    await button(page, 'Camera').click();
    await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
    await button(page, 'Take the picture').click();
    await expect
      .poll(() => statusOf(page).textContent())
      .toBe('The picture the camera picture is chosen');
    expect(await page.getByRole('dialog', { name: 'Camera' }).count()).toBe(0);
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException('Permission denied', 'NotAllowedError'));
    });
    await button(page, 'Camera').click();
    const dialog = page.getByRole('dialog', { name: 'Camera' });
    await dialog.getByText('The camera cannot be used: ').waitFor();
    expect(await button(page, 'Take the picture').isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await withCamera.close();
  });
});

test('bars and maps are pointed at by a finger, too', async () => {
  const viewport = { width: 360, height: 900 };
  const { page } = await openPage(browser, inject('pageUrl'), { hasTouch: true, viewport });
  const score = region(page, 'Score of the patch');
  await page.getByRole('slider', { name: 'Bar of the histogram of scores' }).tap();
  await score.getByText(/^[1-9]\d* patch(es)? with a score from/).waitFor();
  expect(await statusOf(page).textContent()).toMatch(/patch(es)? with a score from/);
  const map = page.getByRole('img', { name: 'FFN, direction, layer 1', exact: true });
  await map.tap({ position: { x: 1, y: 1 } });
  await score.getByText('row 1, column 1: ').waitFor();
  await page.context().close();
});

test('without WebGPU the page says so, and runs in WebAssembly', async () => {
  const without = await openBrowser(['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']);
  const { page, errors } = await openPage(without, inject('smallPageUrl'));
  await page.getByText(/Loading takes [\d.]+\sMB once: [\d.]+\sMB of model/).waitFor();
  await loadModel(page);
  const card = region(page, 'Picture and question');
  expect(await card.textContent()).toMatch(
    /Runs on WebAssembly, .*, as WebGPU cannot be used: this browser has/,
  );
  expect(errors).toEqual([]);
  await without.close();
});
