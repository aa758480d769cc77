/** The committed traces are what the model does. */
import { readFileSync } from 'node:fs';
import { parseTrace, type Trace } from '@transprune/trace';
import { expect, test } from 'vitest';
import { layers } from '../state/plan.js';
import { recordTrace } from './record.js';
import { preparedTraces } from './traces.js';

test.each(Object.values(preparedTraces))('$name', async ({ name, sample, question, plan }) => {
  const path = new URL(`../../public/prepared/${name}.json`, import.meta.url);
  const committed = parseTrace(readFileSync(path, 'utf8'));
  const trace = await recordTrace(sample, question, plan(layers));
  const facts = ({ pruned, unpruned, stages, plan: own, question: asked }: Trace) => ({
    question: asked,
    plan: own,
    answers: [unpruned?.text, pruned.text],
    kept: stages.map(({ kept }) => kept),
  });
  expect(facts(committed)).toEqual(facts(trace));
  trace.stages.forEach(({ scores, parts }, at) => {
    const found = committed.stages[at];
    expect(found?.scores).toBeAllclose(scores, { rtol: 1e-2 });
    expect(found?.parts?.transition ?? []).toBeAllclose(parts?.transition ?? [], { rtol: 1e-2 });
  });
});
