/** Another static host, in a sub-path, that is gone after the first visit. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser } from 'playwright';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { ask, loadModel, openBrowser, openPage, region } from '../testing/page.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};
const subPath = '/some/where/';

/** Sends files and no headers of its own. */
const host = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://host');
  const file = join(inject('pageFolder'), pathname.slice(subPath.length) || 'index.html');
  const isFile =
    pathname.startsWith(subPath) && statSync(file, { throwIfNoEntry: false })?.isFile();
  response.writeHead(isFile ? 200 : 404, {
    'Content-Type': types[extname(file)] ?? 'application/octet-stream',
  });
  if (isFile) createReadStream(file).pipe(response);
  else response.end();
});

let browser: Browser;
beforeAll(async () => {
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  host.close();
});

test('the page answers under a sub-path, and again without its host', async () => {
  const { port } = host.address() as AddressInfo;
  const address = `http://127.0.0.1:${port}${subPath}#device=wasm`;
  const { page, errors } = await openPage(browser, address);
  // The first visit: the page's files are kept from now on.
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await loadModel(page);
  // Without the headers for threads, until the service worker sends them.
  const card = region(page, 'Picture and question');
  expect(await card.textContent()).toContain(
    'WebAssembly, one thread. Once this page is opened again it may use several threads.',
  );
  // A file that is opened by itself is not kept as the page.
  const beside = await page.context().newPage();
  await beside.goto(`http://127.0.0.1:${port}${subPath}icon.svg`);
  await beside.close();
  // What was fetched is kept beside the answers, so maybe later than they came.
  await page.waitForFunction(async () => {
    const largest = [
      'model/weights/decoder.safetensors',
      'runtime/ort-wasm-simd-threaded.asyncify.wasm',
    ];
    const kept = await Promise.all(largest.map((file) => caches.match(file)));
    return kept.every(Boolean);
  });
  host.closeAllConnections();
  host.close();
  await page.reload();
  await loadModel(page);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  await ask(page, 'what number is on the circle?');
  expect(await region(page, 'Pruned answer').textContent()).toContain('2');
  for (const view of ['Explain', 'Your model', 'Bench']) {
    await page.getByRole('link', { name: view }).click();
    await region(page, view).waitFor();
  }
  expect(errors).toEqual([]);
});
