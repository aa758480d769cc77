/** The page in a browser, used as its users do: by names, clicks and keys. */
import { readFile } from 'node:fs/promises';
import { chromiumFlags, chromiumPath } from '@transprune/testing/chromium';
import { parseTrace, type Trace } from '@transprune/trace';
import {
  type Browser,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright';

export function openBrowser(args: readonly string[] = chromiumFlags): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: [...args], timeout: 0 });
}

export interface OpenedPage {
  readonly page: Page;
  /** Messages of errors, of the console and of the page. */
  readonly errors: string[];
  /** Addresses that were asked for. */
  readonly requests: string[];
  /** Those among them that the page asked for, not the service worker. */
  readonly pageRequests: string[];
}

/** Opens the page in a context of its own. */
export async function openPage(
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, ...options });
  context.setDefaultTimeout(5 * 60_000);
  const page = await context.newPage();
  const errors: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  const pageRequests: string[] = [];
  page.on('request', (request) => pageRequests.push(request.url()));
  context.on('request', (request) => requests.push(request.url()));
  await page.goto(address);
  return { page, errors, requests, pageRequests };
}

export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
export const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
export const statusOf = (page: Page) => page.getByRole('status');

/** All that an element's text becomes from now on, one after the other. */
export async function textsOf(element: Locator): Promise<readonly string[]> {
  const texts: string[] = [];
  const name = `tell${Math.random().toString(36).slice(2)}`;
  await element.page().exposeFunction(name, (text: string) => texts.push(text));
  await element.evaluate((watched, tell) => {
    const functions = window as unknown as Record<string, (text: string) => void>;
    new MutationObserver(() => functions[tell]?.(watched.textContent ?? '')).observe(watched, {
      ...{ childList: true, characterData: true, subtree: true },
    });
  }, name);
  return texts;
}

/** Loads the model, and waits until questions can be asked. */
export async function loadModel(page: Page): Promise<void> {
  await button(page, 'Load model').click();
  await button(page, 'Ask').waitFor();
}

/** Asks, and waits until everything about the answer is shown. */
export async function ask(page: Page, question?: string): Promise<void> {
  if (question !== undefined) await page.getByRole('textbox', { name: 'Question' }).fill(question);
  await button(page, 'Ask').click();
  await button(page, 'Stop').waitFor();
  await button(page, 'Ask').waitFor();
}

/** The trace as the page's user gets it. */
export async function downloadTrace(page: Page): Promise<Trace> {
  const coming = page.waitForEvent('download');
  await button(page, 'Download trace').click();
  const download = await coming;
  return parseTrace(await readFile(await download.path(), 'utf8'));
}
