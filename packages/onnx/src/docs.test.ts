/** What the documentation shows of this package is what the package has and does. */
import { readdirSync, readFileSync } from 'node:fs';
import { format } from 'node:util';
import * as core from '@transprune/core';
import { runExample } from '@transprune/fixtures/vitest';
import * as onnxruntime from 'onnxruntime-node';
import { expect, test } from 'vitest';
import * as onnx from './index.js';

const root = new URL('../../../', import.meta.url);
const text = (path: string) => readFileSync(new URL(path, root), 'utf8');
const pages = readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md'));
const listings = pages.flatMap((page) =>
  [...text(`docs/${page}`).matchAll(/```ts\n\/\/ (\S+\.ts)\n(.*?)```/gs)].map(
    ([, path = '', code = '']) => ({ page, path, code }),
  ),
);

test.each(listings)('$page shows $path as it is', ({ path, code }) => {
  // Parts that are left out are marked.
  for (const part of code.split(/\n\s*\/\/ \.\.\.\n/)) expect(text(path)).toContain(part.trim());
});

/** What the pass calls its values changes with every node that is added before them. */
const unnumbered = (line: string) =>
  line.replace(/(pruning\/[\w/]*?)[A-Z]\w*|([A-Z][A-Za-z0-9]*)_\d+\b/g, '$1$2');

test('docs/graph-surgery.md shows what its example prints', () => {
  const page = text('docs/graph-surgery.md');
  const [, code = ''] = /```js\n(.*?)```/s.exec(page) ?? [];
  const body = code.replace(/^import (\{.*?\}) from '@transprune\/(.*?)';$/gm, 'const $1 = $2;');
  const printed: string[] = [];
  const console = { log: (...parts: unknown[]) => printed.push(format(...parts)) };
  new Function('core', 'onnx', 'console', body)(core, onnx, console);
  const known = new Set(printed.join('\n').split('\n').map(unnumbered));
  const shown = [...page.matchAll(/```text\n(.*?)```/gs)].flatMap(([, listing = '']) =>
    listing.split('\n').filter((line) => line !== '' && line !== '...'),
  );
  expect(shown.length).toBeGreaterThan(20);
  expect(shown.map(unnumbered).filter((line) => !known.has(line))).toEqual([]);
});

test('docs/fixed-caches.md prints what it says', async () => {
  const modules = {
    'onnxruntime-node': onnxruntime,
    '@transprune/core': core,
    '@transprune/onnx': onnx,
  };
  const { printed, expected } = await runExample(text('docs/fixed-caches.md'), modules);
  expect(printed).toBe(expected);
});
