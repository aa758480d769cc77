/** `npm run screenshots`: pictures of the page for its README, at three widths, light and dark. */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { hubFolder } from '@transprune/fixtures';
import type { Page } from 'playwright';
import sharp from 'sharp';
import { button, openBrowser, openPage, region } from './page.js';
import { servePage } from './served.js';

const folder = fileURLToPath(new URL('../screenshots/', import.meta.url));
/** Pixels of a picture's side at most: enough to see what is where. */
const widest = 840;
const widths = [360, 768, 1440];

interface View {
  readonly name: string;
  /** Brings the page to what is shown. */
  show(page: Page): Promise<unknown>;
}

const views: readonly View[] = [
  {
    name: 'look',
    show: (page) => page.getByRole('img', { name: 'FFN, direction, layer 15' }).waitFor(),
  },
  {
    name: 'explain',
    async show(page) {
      await page.getByRole('link', { name: 'Explain' }).click();
      for (let step = 2; step <= 4; step++) await button(page, 'Continue').click();
      await page.locator('.step-figure[aria-busy="false"]').waitFor();
    },
  },
  {
    name: 'model',
    async show(page) {
      await page.getByRole('link', { name: 'Your model' }).click();
      const decoder = `${hubFolder('llava')}/onnx/decoder_model_merged.onnx`;
      await page.getByLabel('Decoder file').setInputFiles(decoder);
      await region(page, 'Structure').waitFor();
    },
  },
  {
    name: 'bench',
    async show(page) {
      await page.getByRole('link', { name: 'Bench' }).click();
      const bench = fileURLToPath(
        new URL('../../../docs/figures/wasm-smolvlm-256m.json', import.meta.url),
      );
      await page.getByLabel('Benchmark file').setInputFiles(bench);
      await region(page, 'smolvlm-256m on wasm').waitFor();
    },
  },
];

await mkdir(folder, { recursive: true });
const served = await servePage();
const browser = await openBrowser();
try {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const { name, show } of views) {
      for (const width of widths) {
        const viewport = { width, height: 900 };
        const reducedMotion = 'reduce';
        const { page } = await openPage(browser, served.url, {
          ...{ colorScheme, viewport, reducedMotion },
        });
        await page.getByRole('img', { name: 'FFN, direction, layer 15' }).waitFor();
        await show(page);
        const height = await heightOf(page, width);
        // As high as what is shown, so that the status line is below it.
        await page.setViewportSize({ width, height });
        const png = await page.screenshot();
        const file = `${folder}${name}-${width}-${colorScheme}.webp`;
        await sharp(png)
          .resize({ width: Math.min(width, widest) })
          .webp({ quality: 48 })
          .toFile(file);
        console.log(file);
        await page.context().close();
      }
    }
  }
} finally {
  await browser.close();
  await served.close();
}

/** Long pages are shown down to where the answers end. */
async function heightOf(page: Page, width: number): Promise<number> {
  const whole = await page.evaluate(() => document.documentElement.scrollHeight);
  return Math.min(whole, width < 500 ? 2600 : 2000);
}
