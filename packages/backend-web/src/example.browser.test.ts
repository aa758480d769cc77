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

test.each(backendWeb.webDevices)('the example prints what it says, on %s', async (device) => {
  const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  const body = code
    .replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = modules[$2];')
    .replace("'auto'", `'${device}'`);
  expect(body).toContain(`'${device}'`);
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const location = packageUrl('embedded-model/samples/');
  const run = `return (async () => {${body}})();`;
  await new Function('modules', 'console', 'location', run)(modules, console, location);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
