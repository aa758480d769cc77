/** Prepared traces: answers to look at before a model is loaded. */

import type { Trace } from '@transprune/trace';
import type { preparedTraces } from '../prepared/traces.js';
import { shownOf } from '../trace/shown.js';
import { lookAtBest } from './look.js';
import { plan } from './plan.js';
import { picture, question, shown, stage } from './store.js';

type Name = (typeof preparedTraces)[keyof typeof preparedTraces]['name'];

/** @throws Error in words for the user */
export async function fetchPrepared(name: Name): Promise<Trace> {
  const path = `prepared/${name}.json`;
  const response = await fetch(path).catch(() => undefined);
  const trace = response?.ok ? await response.json().catch(() => undefined) : undefined;
  if (!trace) throw new Error(`${path} could not be fetched; check the network`);
  return trace as Trace;
}

/** Shows the prepared answer, if picture, question and plan are those that it is of. */
export async function showPrepared(): Promise<void> {
  const trace = await fetchPrepared('example-high').catch(() => undefined);
  if (!trace || shown.value) return;
  const isSame =
    trace.picture.name === picture.value?.name &&
    trace.question === question.value &&
    JSON.stringify(trace.plan.stages) === JSON.stringify(plan.value.stages) &&
    trace.plan.method === plan.value.method;
  if (!isSame) return;
  shown.value = shownOf(trace);
  stage.value = trace.stages.length;
  const last = trace.stages.at(-1);
  if (last) lookAtBest(last);
}
