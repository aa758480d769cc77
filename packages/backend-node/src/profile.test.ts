/** What a pruned decoder executes: decoding runs nothing of the score. */
import { join } from 'node:path';
import { temporaryFolder } from '@transprune/fixtures/vitest';
import { expect, test } from 'vitest';
import { decoder, plan, profiled, pruned } from '../testing/profiled.js';
import { profiledRuns, readProfile } from './profile.js';

test('on the CPU a decode step of the embedded decoder runs a quarter more nodes at most', async () => {
  const [before, after] = [await profiled(decoder, 'cpu'), await profiled(pruned, 'cpu')];
  expect(before.step.nodes).toBe(128);
  expect(after.step.nodes).toBeLessThanOrEqual(170);
  expect(after.step.nodesByOperator.If).toBe(plan.stages.length);
  // Nothing of a score is among them.
  for (const operator of ['Softmax', 'ReduceL2', 'TopK', 'ArgMax']) {
    expect(after.step.nodesByOperator[operator]).toBe(undefined);
    expect(after.prefill.nodesByOperator[operator]).toBeGreaterThan(0);
  }
  expect(after.prefill.nodes).toBeLessThanOrEqual(450);
});

test('a profile that is not written yet, or is one of several, is not guessed at', async () => {
  const folder = await temporaryFolder();
  await expect(readProfile(join(folder, 'profile'))).rejects.toThrow(
    /when the session is disposed/,
  );
});

test('nodes belong to the run that they ran in', () => {
  const event = (cat: string, name: string, ts: number, dur: number, args = {}) => ({
    ...{ cat, name, ts, dur, args },
  });
  const node = (name: string, ts: number, provider = 'CPUExecutionProvider') =>
    event('Node', `${name}_kernel_time`, ts, 1, { op_name: name, provider });
  const runs = profiledRuns(
    JSON.stringify([
      event('Session', 'session_initialization', 0, 5),
      event('Session', 'model_run', 20, 10),
      node('Add', 21),
      event('Session', 'model_run', 10, 5),
      node('If', 11),
      node('Identity', 12, 'WebGpuExecutionProvider'),
      event('Node', 'Identity_fence_before', 12, 0),
    ]),
  );
  expect(runs.map(({ nodes }) => nodes)).toEqual([2, 1]);
  expect(runs[0]).toMatchObject({
    nodesByProvider: { CPUExecutionProvider: 1, WebGpuExecutionProvider: 1 },
    nodesByOperator: { If: 1, Identity: 1 },
    milliseconds: 0.005,
  });
});
