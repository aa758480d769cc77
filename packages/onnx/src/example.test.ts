import { readFileSync } from 'node:fs';
import { format } from 'node:util';
import * as core from '@transprune/core';
import { expect, test } from 'vitest';
import * as onnx from './index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example prints what it says', () => {
  const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  const body = code.replace(/^import (\{.*?\}) from '@transprune\/(.*?)';$/gms, 'const $1 = $2;');
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(format(...parts)) };
  new Function('core', 'onnx', 'console', body)(core, onnx, console);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
