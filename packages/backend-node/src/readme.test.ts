import { readFileSync } from 'node:fs';
import * as path from 'node:path';
import * as core from '@transprune/core';
import * as embeddedModel from '@transprune/embedded-model';
import * as onnx from '@transprune/onnx';
import * as runtime from '@transprune/runtime';
import { expect, test } from 'vitest';
import * as backendNode from './index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const modules: Readonly<Record<string, object>> = {
  'node:path': path,
  '@transprune/backend-node': backendNode,
  '@transprune/core': core,
  '@transprune/embedded-model': embeddedModel,
  '@transprune/onnx': onnx,
  '@transprune/runtime': runtime,
};

test('the example prints what it says', async () => {
  const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  const body = code.replace(/^import (\{.*?\}) from ('.*?');$/gm, 'const $1 = modules[$2];');
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const program = new Function('modules', 'console', `return (async () => {${body}})();`);
  await program(modules, console);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
