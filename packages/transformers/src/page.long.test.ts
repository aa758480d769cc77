/** A page that Vite built, in a browser, with models and the runtime on its own server. */
import { existsSync } from 'node:fs';
import { chromiumFlags, chromiumPath } from '@transprune/testing/chromium';
import { type Browser, chromium, type Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { opener } from '../testing/describe.js';
import { casesWith, generate, inputsOf, plan } from '../testing/hub.js';
import type { Answer, Question } from '../testing/page/main.js';
import { openSite, type Site } from '../testing/site.js';

describe.skipIf(!existsSync(chromiumPath))('a page', () => {
  const open = opener();
  let site: Site;
  let browser: Browser;
  let page: Page;
  const asked: string[] = [];
  const [first] = casesWith('llava', 1);

  beforeAll(async () => {
    site = await openSite();
    browser = await chromium.launch({ executablePath: chromiumPath, args: [...chromiumFlags] });
    page = await browser.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => console.info(message.text()));
    await page.goto(site.address);
    await page.waitForFunction(() => 'ask' in window);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  const ask = (question: Question) =>
    page.evaluate(
      (asked) => (window as never as { ask(question: Question): Answer }).ask(asked),
      question,
    );

  test('a missing file is answered with the page', async () => {
    const response = await page.request.get(`${site.address}models/llava/none.json`);
    expect(response.status()).toBe(200);
    expect(response.headers()['content-type']).toMatch(/text\/html/);
  });

  test('there is one copy of ONNX Runtime', () => {
    const copies = site.modules.filter((path) => /onnxruntime-web/.test(path));
    expect(copies).toHaveLength(1);
  });

  test.each(['wasm', 'webgpu'] as const)('answers on %s as in Node', async (device) => {
    if (!first) throw new Error('expected a prompt');
    const inNode = await inputsOf(first);
    const inputs = Object.fromEntries(
      Object.entries(inNode).map(([name, { type, data, dims }]) => [
        name,
        { type: type as 'int64', data: Array.from(data as Float32Array, Number), dims },
      ]),
    );
    const model = await open(first);
    const pruned = await generate(model, inNode, { tokens: 8 });
    const shared = { id: 'llava', device, inputs, tokens: 8, options: { plan } };
    const stock = await ask({ ...shared, way: 'stock', pruning: [undefined] });
    expect(stock.tokens).toEqual([first.tokens.slice(0, 8)]);
    for (const way of ['pruned', 'withPruning'] as const) {
      const answer = await ask({ ...shared, way, pruning: [false, undefined] });
      expect(answer.tokens).toEqual([stock.tokens[0], pruned.rows[0]]);
      expect(answer.kept.at(-1)).toEqual(model.pruning.last?.[0]?.stages.map(({ kept }) => kept));
      expect(answer.outputs).toEqual(stock.outputs);
    }
  });

  test('nothing was asked of another host', () => {
    expect(asked.length).toBeGreaterThan(0);
    const others = asked.filter(
      (address) =>
        !address.startsWith(site.address) &&
        !address.startsWith('data:') &&
        !address.startsWith('blob:'),
    );
    expect(others).toEqual([]);
  });
});
