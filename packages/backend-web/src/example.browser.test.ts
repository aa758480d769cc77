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

/** What the example prints on a device, beside the samples of a package with a model. */
async function printedOn(device: backendWeb.WebDevice, of: string): Promise<string> {
  const body = code
    .replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = modules[$2];')
    .replace("'auto'", `'${device}'`);
  expect(body).toContain(`'${device}'`);
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const location = packageUrl(`${of}/samples/`);
  const run = `return (async () => {${body}})();`;
  await new Function('modules', 'console', 'location', run)(modules, console, location);
  return lines.join('\n');
}

test('the example prints what it says', async () => {
  expect(await printedOn('wasm', 'embedded-model')).toBe(printed.trimEnd());
});

// A graphics card in software takes long for the embedded model.
test('on WebGPU it prints the same as in WebAssembly, here of the small model', async () => {
  const onCard = await printedOn('webgpu', 'small-model');
  expect(onCard).toMatch(
    /^\w+, from 144 image tokens\n\w+, from 144 -> 126 -> 90 -> 18 image tokens$/,
  );
  expect(onCard).toBe(await printedOn('wasm', 'small-model'));
});
