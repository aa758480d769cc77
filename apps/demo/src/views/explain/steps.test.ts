/** What the walk says is what its traces hold. */
import { readFileSync } from 'node:fs';
import { parseTrace, type Trace } from '@transprune/trace';
import type { ComponentChild } from 'preact';
import { expect, test } from 'vitest';
import { preparedTraces } from '../../prepared/traces.js';
import { patchesOf } from '../../state/samples.js';
import { walkSteps } from './steps.js';

const committed = ({ name }: { readonly name: string }): Trace =>
  parseTrace(
    readFileSync(new URL(`../../../public/prepared/${name}.json`, import.meta.url), 'utf8'),
  );
const high = committed(preparedTraces.high);
const random = committed(preparedTraces.random);

function textOf(node: ComponentChild | ComponentChild[]): string {
  if (Array.isArray(node)) return node.map(textOf).join('');
  if (typeof node === 'string' || typeof node === 'number') return String(node);
  return node && typeof node === 'object' && 'props' in node
    ? textOf((node.props as { children?: ComponentChild }).children)
    : '';
}

const textsOf = (traces: { readonly high: Trace; readonly random: Trace }) =>
  walkSteps(traces).map(({ text }) => textOf(text).replaceAll('\u00a0', ' '));

/** The trace with other transitions at its first prune. */
function withTransition(value: (patch: number) => number): Trace {
  const [first, ...rest] = high.stages;
  if (!first?.parts) throw new Error('expected parts');
  const parts = { ...first.parts, transition: first.candidates.map(value) };
  return { ...high, stages: [{ ...first, parts }, ...rest] };
}

test('six steps, each of at most a hundred words', () => {
  const texts = textsOf({ high, random });
  expect(texts).toHaveLength(6);
  for (const text of texts) expect(text.split(/\s+/).length).toBeLessThan(101);
});

test('numbers are those of the traces', () => {
  const [tokens, , , , drop, check] = textsOf({ high, random });
  expect(tokens).toContain(`${high.imageTokens + high.textTokens} tokens go through`);
  for (const { kept, afterLayer } of high.stages) {
    expect(drop).toContain(`${kept.length} after layer ${afterLayer}`);
  }
  const asked = patchesOf(preparedTraces.high.sample, preparedTraces.high.shape);
  const staying = ({ stages }: Trace) =>
    stages.at(-1)?.kept.filter((patch) => asked.includes(patch)).length;
  expect(check).toMatch(
    new RegExp(
      `Of the ${asked.length} patches of the circle ${staying(high)} stay; .* keeps ${staying(random)}, and answers “${random.pruned.text}”`,
    ),
  );
});

test('the example shows a choice that was better than chance', () => {
  expect(high.pruned.text).toBe(high.unpruned?.text);
  expect(random.pruned.text).not.toBe(high.pruned.text);
});

test('whether things changed more than the background is read off the trace', () => {
  const things = new Set(patchesOf(high.picture.name));
  const [more, less, alike] = [2, 0.5, 1].map((factor) => {
    const trace = withTransition((patch) => (things.has(patch) ? factor : 1));
    return textsOf({ high: trace, random })[1];
  });
  expect(more).toContain('changed more than the background');
  expect(less).toContain('changed less than the background');
  expect(alike).toContain('changed about alike');
});
