import { readFileSync } from 'node:fs';
import * as core from '@transprune/core';
import { expect, it } from 'vitest';
import * as flops from './index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const examples = [...readme.matchAll(/```js\n(.*?)```\n+```text\n(.*?)```/gs)].map(
  ([, code = '', printed = '']) => ({ code, printed }),
);

/** Runs an example with the packages' exports in reach of its names, and answers what it logs. */
function output(code: string): string {
  const exported: Readonly<Record<string, unknown>> = { ...core, ...flops };
  const imports = /^import \{(.*?)\} from '@transprune\/(?:core|flops)';\n/gms;
  const names = [...code.matchAll(imports)].flatMap((match) =>
    (match[1] ?? '').split(',').map((name) => name.trim()),
  );
  const lines: string[] = [];
  const console = { log: (...parts: unknown[]) => lines.push(parts.join(' ')) };
  const run = new Function('console', ...names, code.replace(imports, ''));
  run(console, ...names.map((name) => exported[name]));
  return lines.join('\n');
}

it('has examples', () => {
  expect(examples).toHaveLength(3);
});

it.each(examples)('prints what it says (%#)', ({ code, printed }) => {
  expect(output(code)).toBe(printed.trimEnd());
});
