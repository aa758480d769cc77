/** The bench page, used as its users do. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import type { BenchRequest, BenchShape } from '../src/worker/bench-protocol.js';
import { button, region } from './page.js';

export interface PageBench {
  readonly decoder: BenchShape;
  readonly device: BenchRequest['device'];
  readonly weights: BenchRequest['precision'];
  readonly rounds: number;
}

/** Runs a benchmark, and gives the JSON that is downloaded. */
export async function runBench(page: Page, bench: PageBench): Promise<string> {
  const { decoder, device, weights, rounds } = bench;
  await page.getByRole('combobox', { name: 'Decoder' }).selectOption(decoder);
  await page.getByRole('main').getByRole('combobox', { name: 'Device' }).selectOption(device);
  await page.getByRole('combobox', { name: 'Weights' }).selectOption(weights);
  await page.getByRole('spinbutton', { name: 'Rounds' }).fill(`${rounds}`);
  await button(page, 'Run').click();
  const card = region(page, `${decoder} on ${device}`);
  await card.or(page.getByRole('alert')).waitFor();
  if (await card.isHidden()) throw new Error((await page.getByRole('alert').textContent()) ?? '');
  const coming = page.waitForEvent('download');
  await card.getByRole('button', { name: 'Download JSON' }).click();
  return readFile(await (await coming).path(), 'utf8');
}
