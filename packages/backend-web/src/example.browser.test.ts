import * as core from '@transprune/core';
import { fetchBytes, packageUrl } from '@transprune/fixtures/browser';
import * as vlm from '@transprune/vlm';
import { expect, test } from 'vitest';
import * as backendWeb from './index.js';

const readme = new TextDecoder().decode(await fetchBytes(packageUrl('backend-web/README.md')));
const modules: Readonly<Record<string, object>> = {
  '@transprune/backend-web': backendWeb,
  '@transprune/core': core,
  '@transprune/vlm': vlm,
};

const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];

// On a graphics card the page's questions are asked, and its answers are compared too.
test('the example prints what it says', async () => {
  const body = code
    .replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = modules[$2];')
    .replace("'auto'", "'wasm'");
  expect(body).toContain("'wasm'");
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const location = packageUrl('embedded-model/samples/');
  const run = `return (async () => {${body}})();`;
  await new Function('modules', 'console', 'location', run)(modules, console, location);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
