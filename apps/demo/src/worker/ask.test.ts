/** Stops after the answers, with an engine that answers at once. */
import { presetPlan } from '@transprune/core';
import { modelFromConfig } from '@transprune/flops';
import { beforeEach, expect, test } from 'vitest';
import config from '../../../../packages/embedded-model/model/config.json';
import { askBoth } from './ask.js';
import type { Engines } from './engines.js';
import type { AskEvent } from './protocol.js';

const finish = {
  ...{ type: 'finish', text: '2', reason: 'eos', usage: { completionTokens: 1 } },
  prompt: { textTokens: 2, imageTokens: 4, imagePositions: [0, 1, 2, 3] },
  timings: { timeToFirstTokenMs: 1, visionMs: 1, prefillMs: 1, decodeTokensPerSecond: 0 },
  cache: { afterPrefill: { lengths: [], bytes: 0 } },
};
const image = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 } as const;
const { plan } = presetPlan('transprune-high', config.text_config.num_hidden_layers);
const request = {
  ...{ question: 'what?', pictures: { unpruned: image, pruned: image }, pictureSize: 1 },
  plan: { ...plan, stages: [] },
};

/** What was done, one after the other. */
const done: string[] = [];
let controller: AbortController;
beforeEach(() => {
  done.length = 0;
  controller = new AbortController();
});

/** Asks, and stops when that is done. */
async function stoppedAt(last: string): Promise<boolean> {
  const note = (what: string) => {
    done.push(what);
    if (what === last) controller.abort();
  };
  const engineOf = (name: string) => ({
    async *generate() {
      note(name);
      yield finish;
    },
  });
  const engines = {
    unpruned: engineOf('unpruned'),
    pruned: async () => ({ engine: engineOf('pruned'), taps: [] }),
    tapped: async () => {
      note('open');
      return { engine: engineOf('explain'), taps: [] };
    },
  } as unknown as Engines;
  const tell = (event: AskEvent) => {
    if (event.type === 'answer') note(`${event.side} answer`);
  };
  return askBoth(engines, modelFromConfig(config), request, controller.signal, tell);
}

const all = ['unpruned', 'unpruned answer', 'pruned', 'pruned answer', 'open', 'explain'];

test.each(all)('what follows %s is not done when it is stopped there', async (last) => {
  expect(await stoppedAt(last)).toBe(false);
  // An answer that is over is told.
  const end = ['unpruned', 'pruned'].includes(last) ? `${last} answer` : last;
  expect(done).toEqual(all.slice(0, all.indexOf(end) + 1));
});

test('all is done when nothing is stopped', async () => {
  expect(await stoppedAt('never')).toBe(true);
  expect(done).toEqual(all);
});
