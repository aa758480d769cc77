import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as core from './index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example prints what it says', () => {
  const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  new Function('core', 'console', code.replace(/^import .*$/m, ''))(core, console);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
