import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as runtime from './index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

test('the example prints what it says', async () => {
  const [, code = '', printed = ''] = /```js\n(.*?)```\n+```text\n(.*?)```/s.exec(readme) ?? [];
  const body = code.replace(
    /^import (\{.*?\}) from '@transprune\/runtime';$/m,
    'const $1 = runtime;',
  );
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const program = new Function('runtime', 'console', `return (async () => {${body}})();`);
  await program(runtime, console);
  expect(lines.join('\n')).toBe(printed.trimEnd());
});
